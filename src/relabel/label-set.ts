export type Label = readonly [name: string, value: string]

/**
 * The labels of a series during relabelling, in Prometheus's order: first the original labels, then the labels that rules
 * have set, in the order of setting. The order matters for labelmap: if two labels get the same name, the last one wins.
 */
export class LabelSet {
  readonly #labels: Map<string, string>
  readonly #set = new Set<string>()

  constructor(labels: Iterable<Label>) {
    this.#labels = new Map(labels)
  }

  /** The value; empty if the label does not exist. */
  get(name: string): string {
    return this.#labels.get(name) ?? ''
  }

  /** Sets a label. An empty value deletes it, as in Prometheus. */
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

  /** A copy of the current labels, which later changes do not affect. */
  get entries(): readonly Label[] {
    return [...this.#labels]
  }
}
