import type { Family, Labels } from './family.ts'

/** The labels that say whose samples these are: `job`, `instance`, external labels. Frozen with each series. */
export type Identity = Labels

export const isSameIdentity = (left: Identity, right: Identity): boolean =>
  Object.keys(left).length === Object.keys(right).length &&
  Object.entries(left).every(([name, value]) => right[name] === value)

/** One (family, label values). `ref` is never used again for another series of the same table. */
export interface Series {
  readonly ref: number
  readonly family: Family
  /** One value for each of `family.labelNames`, in their order. */
  readonly labelValues: readonly string[]
  readonly identity: Identity
}

type Branch = Map<string, Branch | Entry>

interface Entry extends Series {
  /** The cycle in which this series was last emitted. */
  seen: number
}

interface Root {
  readonly family: Family
  /** All roots of one name, this one among them. */
  readonly namesakes: Root[]
  /** The cycle in which a sample of it was taken last. */
  seen: number
  /** Label values lead down to the entry; a family without labels is its own entry. */
  tree: Branch | Entry | undefined
}

/** Why an emitted sample was not taken. */
export type DuplicateReason = 'duplicate' | 'type'

/** Cycles after which a series that no longer comes is forgotten. */
const sweepAfter = 20

/**
 * Gives each (family, label values) its one Series object, the same in every cycle, so that everything worked out
 * from a series can be kept beside it. Two families of one name share their series unless their types differ.
 */
export class SeriesTable {
  readonly identity: Identity
  #nextRef: number
  #cycle = 0
  #size = 0
  readonly #roots = new Map<Family, Root>()
  readonly #byName = new Map<string, Root[]>()

  constructor(identity: Identity = {}, firstRef = 1) {
    this.identity = identity
    this.#nextRef = firstRef
  }

  get size(): number {
    return this.#size
  }

  /** Starts a cycle: from here on each series may come once. Sweeps now and then. */
  begin(): void {
    this.#cycle++
    if (this.#cycle % sweepAfter === 0) this.#sweep(this.#cycle - sweepAfter)
  }

  /** The series of a sample, or why the sample cannot be taken: the first one of a name and label set wins. */
  take(family: Family, labels: Labels | undefined): Series | DuplicateReason {
    const root = this.#roots.get(family) ?? this.#enter(family)
    if (root.seen !== this.#cycle) {
      if (this.#hasRival(root)) return 'type'
      root.seen = this.#cycle
    }
    const entry = this.#find(root, labels)
    if (entry.seen === this.#cycle) return 'duplicate'
    entry.seen = this.#cycle
    return entry
  }

  #find(root: Root, labels: Labels | undefined): Entry {
    const names = root.family.labelNames
    if (names.length === 0 || labels === undefined) return (root.tree ??= this.#make(root, undefined)) as Entry
    let branch = (root.tree ??= new Map()) as Branch
    const last = names.length - 1
    for (let i = 0; i < last; i++) {
      const value = labels[names[i] as string] as string
      let next = branch.get(value) as Branch | undefined
      if (next === undefined) branch.set(value, (next = new Map()))
      branch = next
    }
    const value = labels[names[last] as string] as string
    let entry = branch.get(value) as Entry | undefined
    if (entry === undefined) branch.set(value, (entry = this.#make(root, labels)))
    return entry
  }

  #make(root: Root, labels: Labels | undefined): Entry {
    this.#size++
    const labelValues = labels === undefined ? [] : root.family.labelNames.map((name) => owned(labels[name] ?? ''))
    return { ref: this.#nextRef++, family: root.family, labelValues, identity: this.identity, seen: 0 }
  }

  /** True where a family of the same name and another type came first in this cycle. */
  #hasRival({ family, namesakes }: Root): boolean {
    return namesakes.some((other) => other.seen === this.#cycle && other.family.type !== family.type)
  }

  #enter(family: Family): Root {
    const name = family.name + family.suffix
    const namesakes = this.#byName.get(name) ?? []
    const twin = namesakes.find((root) => isTwin(root.family, family))
    const root = twin ?? { family, namesakes, seen: 0, tree: undefined }
    this.#roots.set(family, root)
    this.#byName.set(name, namesakes)
    if (twin === undefined) namesakes.push(root)
    return root
  }

  #sweep(before: number): void {
    for (const [family, root] of this.#roots) {
      if (root.tree !== undefined && this.#prune(root.tree, before)) root.tree = undefined
      if (root.tree === undefined) this.#leave(family, root)
    }
  }

  #leave(family: Family, root: Root): void {
    this.#roots.delete(family)
    const { namesakes } = root
    const at = namesakes.indexOf(root)
    if (at >= 0) namesakes.splice(at, 1) // a twin family may have taken it along
    if (namesakes.length === 0) this.#byName.delete(family.name + family.suffix)
  }

  /** True if nothing is left below. */
  #prune(node: Branch | Entry, before: number): boolean {
    if (!(node instanceof Map)) {
      if (node.seen > before) return false
      this.#size--
      return true
    }
    for (const [value, next] of node) if (this.#prune(next, before)) node.delete(value)
    return node.size === 0
  }
}

/** Of the same type and labels, with no beginnings of their own. */
function isTwin(left: Family, right: Family): boolean {
  const isDated = typeof left.since === 'number' || typeof right.since === 'number'
  return left.type === right.type && sameNames(left, right) && (!isDated || left.since === right.since)
}

function sameNames(left: Family, right: Family): boolean {
  const names = left.labelNames
  return names.length === right.labelNames.length && names.every((name, i) => name === right.labelNames[i])
}

/** A copy of its own: a value cut out of a kernel file would keep the whole file's text alive. */
function owned(text: string): string {
  return text.length < 13 ? text : Buffer.from(text).toString()
}
