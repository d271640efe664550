import { withHint } from '../hints/index.ts'
import type { Outcome, ReceiverLabels } from '../http/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import type { OutputRejection } from '../output.ts'
import { type Log, report } from '../util/log.ts'
import type { FamilyText } from './encode.ts'
import { messages } from './messages.ts'

/** A family that was refused is pushed again after this time: whoever else pushes it may have changed its type. */
const retryAfterMs = 3_600_000

/** What a gateway rejected of a push. */
export interface RejectedFamilies {
  readonly reason: string
  /** By name; all where it is missing. */
  readonly families?: ReadonlySet<string>
}

type HintFor = (reason: string) => string | undefined

/** Families named in one line of the log. */
const named = 10

/** Which families a gateway refuses: those that another group pushes with another type, above all. */
export class FamilyRejections {
  readonly #reasons = new Map<string, string>()
  #sinceMs = 0
  /** The families that the log has told of. */
  #reported = ''

  get count(): number {
    return this.#reasons.size
  }

  /** What is to be pushed of these. */
  without(families: readonly FamilyText[], nowMs: number): readonly FamilyText[] {
    if (nowMs - this.#sinceMs >= retryAfterMs) this.#reasons.clear()
    return this.#reasons.size === 0 ? families : families.filter(({ name }) => !this.#reasons.has(name))
  }

  /**
   * Has the gateway say which of these families it refuses: halves are posted, so that each that is taken is there at
   * once, until what is refused stands alone. Gives the outcome that made it useless to go on, if there was one.
   */
  async find(
    families: readonly FamilyText[],
    post: (some: readonly FamilyText[]) => Promise<Outcome>,
    nowMs: number,
  ): Promise<Outcome | undefined> {
    const group = await post([])
    if (group.kind !== 'delivered') return group // not the families are refused
    const work = [...halves(families)].reverse()
    for (let some = work.pop(); some !== undefined; some = work.pop()) {
      const outcome = await post(some)
      if (outcome.kind === 'delivered') continue
      if (outcome.kind !== 'rejected') return outcome
      const [only, ...others] = some
      if (only !== undefined && others.length === 0) this.#add(only, outcome.reason, nowMs)
      else work.push(...[...halves(some)].reverse())
    }
    return undefined
  }

  /** Which families are refused, in which words, and what to do; undefined where none is. */
  describe(hintFor: HintFor): string | undefined {
    const [first] = [...this.#reasons.keys()].sort()
    if (first === undefined) return undefined
    const reason = this.#reasons.get(first) ?? ''
    return `rejected metrics ${this.#named}: ${withHint(reason, hintFor(reason))}`
  }

  /** What of these is left out, and why; undefined where nothing is. */
  of(families: readonly FamilyText[]): RejectedFamilies | undefined {
    const missing = families.map(({ name }) => name).filter((name) => this.#reasons.has(name))
    if (missing.length === 0) return undefined
    const byReason = Map.groupBy(missing, (name) => this.#reasons.get(name) ?? '')
    const reason = [...byReason].map(([words, names]) => `${words} (of ${names.join(' ')})`).join('; ')
    return { reason, families: new Set(missing) }
  }

  get #named(): string {
    const names = [...this.#reasons.keys()].sort()
    const more = names.length > named ? ` and ${names.length - named} more` : ''
    return names.slice(0, named).join(' ') + more
  }

  /** Logs which families are rejected, if that has changed. */
  log(log: Log, receiver: ReceiverLabels, hintFor: HintFor): void {
    const names = [...this.#reasons.keys()].sort()
    const text = names.join(' ')
    if (text === this.#reported) return
    this.#reported = text
    const [first] = names
    const families = this.#named
    if (first === undefined) report(log, messages.familiesAccepted, receiver)
    else {
      const reason = this.#reasons.get(first) ?? ''
      report(log, messages.familiesRejected, { ...receiver, families, reason, hint: hintFor(reason) })
    }
  }

  #add({ name }: FamilyText, reason: string, nowMs: number): void {
    if (this.#reasons.size === 0) this.#sinceMs = nowMs
    this.#reasons.set(name, reason)
  }
}

/** The same, as series of the snapshot that was pushed. */
export function rejectionOf(
  snapshot: Snapshot,
  rejected: RejectedFamilies | undefined,
  summary: string | undefined,
): OutputRejection | undefined {
  if (rejected === undefined) return undefined
  const { reason, families } = rejected
  const series = snapshot.series.filter(({ family }) => families?.has(family.name) ?? true)
  return { reason, summary: summary ?? reason, snapshot, series: new Set(series) }
}

function halves<T>(all: readonly T[]): readonly (readonly T[])[] {
  const middle = Math.ceil(all.length / 2)
  return [all.slice(0, middle), all.slice(middle)].filter((half) => half.length > 0)
}
