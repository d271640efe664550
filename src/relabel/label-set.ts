export type Label = readonly [name: string, value: string]

/**
 * Labels while rules work on them. In the order that Prometheus goes through them: those that were there, then those that
 * were set, as they were set. It decides when labelmap gives two labels one name: the last one stays.
 */
export class LabelSet {
  readonly #labels: Map<string, string>
  readonly #set = new Set<string>()

  constructor(labels: Iterable<Label>) {
    this.#labels = new Map(labels)
  }

  /** Empty where there is no such label. */
  get(name: string): string {
    return this.#labels.get(name) ?? ''
  }

  /** A label without a value is no label. */
  set(name: string, value: string): void {
    if (value === '') this.delete(name)
    else {
      if (!this.#set.has(name)) this.#labels.delete(name)
      this.#set.add(name)
      this.#labels.set(name, value)
    }
  }

  delete(name: string): void {
    this.#labels.delete(name)
    this.#set.delete(name)
  }

  /** As they are now, whatever is set meanwhile. */
  get entries(): readonly Label[] {
    return [...this.#labels]
  }
}
