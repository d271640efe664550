import type { Family, Labels } from './family.ts'

/** The labels that identify the source of samples: `job`, `instance`, external labels. Frozen with each series. */
export type Identity = Labels

export const isSameIdentity = (left: Identity, right: Identity): boolean =>
  Object.keys(left).length === Object.keys(right).length &&
  Object.entries(left).every(([name, value]) => right[name] === value)

/** One combination of family and label values. A table never reuses a `ref` for another series. */
export interface Series {
  readonly ref: number
  readonly family: Family
  /** One value for each of `family.labelNames`, in their order. */
  readonly labelValues: readonly string[]
  readonly identity: Identity
}

type Branch = Map<string, Branch | Entry>

interface Entry extends Series {
  /** Number of the last cycle that emitted this series. */
  lastCycle: number
}

interface Root {
  readonly family: Family
  /** All roots with the same metric name, including this one. */
  readonly sameName: Root[]
  /** Number of the last cycle that accepted a sample of this family. */
  lastCycle: number
  /** Tree by label values, with an entry at each leaf; for a family without labels, the entry itself. */
  tree: Branch | Entry | undefined
}

/** Why a sample was not accepted. */
export type DuplicateReason = 'duplicate' | 'type'

/** A series that was not emitted for this many cycles is dropped from the table. */
const sweepAfter = 20

/**
 * Unused series above this number, in addition to as many as are used, are dropped after one cycle: a source may have new
 * series in each cycle.
 */
const maxUnused = 5000

/**
 * Maps each combination of family and label values to one Series object, which stays the same in every cycle, so that data
 * derived from a series can be cached by identity. Families with the same name and type share their series.
 */
export class SeriesTable {
  readonly identity: Identity
  #nextRef: number
  #cycle = 0
  #size = 0
  /** Series taken in this cycle. */
  #taken = 0
  readonly #roots = new Map<Family, Root>()
  readonly #byName = new Map<string, Root[]>()

  constructor(identity: Identity = {}, firstRef = 1) {
    this.identity = identity
    this.#nextRef = firstRef
  }

  get size(): number {
    return this.#size
  }

  /** Starts a cycle, in which each series may occur once. Drops unused series from time to time. */
  begin(): void {
    const unused = this.#size - this.#taken
    this.#taken = 0
    this.#cycle++
    if (unused > this.#size / 2 + maxUnused) this.#sweep(this.#cycle - 2)
    else if (this.#cycle % sweepAfter === 0) this.#sweep(this.#cycle - sweepAfter)
  }

  /** The series of a sample, or the reason why it is not accepted: the first sample of a name and label set wins. */
  take(family: Family, labels: Labels | undefined): Series | DuplicateReason {
    const root = this.#roots.get(family) ?? this.#enter(family)
    if (root.lastCycle !== this.#cycle) {
      if (this.#hasConflict(root)) return 'type'
      root.lastCycle = this.#cycle
    }
    const entry = this.#find(root, labels)
    if (entry.lastCycle === this.#cycle) return 'duplicate'
    entry.lastCycle = this.#cycle
    this.#taken++
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
    const labelValues = labels === undefined ? [] : root.family.labelNames.map((name) => copied(labels[name] ?? ''))
    return { ref: this.#nextRef++, family: root.family, labelValues, identity: this.identity, lastCycle: 0 }
  }

  /** Whether a family with the same name and another type came first in this cycle. */
  #hasConflict({ family, sameName }: Root): boolean {
    return sameName.some((other) => other.lastCycle === this.#cycle && other.family.type !== family.type)
  }

  #enter(family: Family): Root {
    const name = family.name + family.suffix
    const sameName = this.#byName.get(name) ?? []
    const equal = sameName.find((root) => isEqual(root.family, family))
    const root = equal ?? { family, sameName, lastCycle: 0, tree: undefined }
    this.#roots.set(family, root)
    this.#byName.set(name, sameName)
    if (equal === undefined) sameName.push(root)
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
    const { sameName } = root
    const at = sameName.indexOf(root)
    if (at >= 0) sameName.splice(at, 1) // an equal family may share the root and have removed it
    if (sameName.length === 0) this.#byName.delete(family.name + family.suffix)
  }

  /** Returns whether the branch is empty. */
  #prune(node: Branch | Entry, before: number): boolean {
    if (!(node instanceof Map)) {
      if (node.lastCycle > before) return false
      this.#size--
      return true
    }
    for (const [value, next] of node) if (this.#prune(next, before)) node.delete(value)
    return node.size === 0
  }
}

/** Same type, label names and start. */
function isEqual(left: Family, right: Family): boolean {
  const isDated = typeof left.since === 'number' || typeof right.since === 'number'
  return left.type === right.type && sameNames(left, right) && (!isDated || left.since === right.since)
}

function sameNames(left: Family, right: Family): boolean {
  const names = left.labelNames
  return names.length === right.labelNames.length && names.every((name, i) => name === right.labelNames[i])
}

/** A copy of the text: a substring of a kernel file would keep the whole file in memory. */
function copied(text: string): string {
  return text.length < 13 ? text : Buffer.from(text).toString()
}
