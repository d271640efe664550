import { withHint } from '../hints/index.ts'
import type { Outcome, ReceiverLabels } from '../http/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import type { OutputRejection } from '../output.ts'
import { type Log, report } from '../util/log.ts'
import type { FamilyText } from './encode.ts'
import { messages } from './messages.ts'

/** Rejected families are pushed again after this time: the conflicting sender may have changed the type. */
const retryAfterMs = 3_600_000

/** Families of a push that the Pushgateway rejected. */
export interface RejectedFamilies {
  readonly reason: string
  /** Rejected families by name; undefined means all. */
  readonly families?: ReadonlySet<string>
}

type HintFor = (reason: string) => string | undefined

/** Maximum number of names in one log line. */
const maxNames = 10

/** Finds and remembers families that a Pushgateway rejects, mostly because another group has them with another type. */
export class FamilyRejections {
  readonly #reasons = new Map<string, string>()
  #sinceMs = 0
  /** The families in the last log line. */
  #reported = ''

  get count(): number {
    return this.#reasons.size
  }

  /** The families without the rejected ones. */
  without(families: readonly FamilyText[], nowMs: number): readonly FamilyText[] {
    if (nowMs - this.#sinceMs >= retryAfterMs) this.#reasons.clear()
    return this.#reasons.size === 0 ? families : families.filter(({ name }) => !this.#reasons.has(name))
  }

  /**
   * Finds the rejected families by bisection. Halves are sent with POST, so accepted families are stored at once. Returns
   * the outcome that ended the search early, or undefined.
   */
  async find(
    families: readonly FamilyText[],
    post: (some: readonly FamilyText[]) => Promise<Outcome>,
    nowMs: number,
  ): Promise<Outcome | undefined> {
    const group = await post([])
    if (group.kind !== 'delivered') return group // the group is rejected, not its families
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

  /** Rejected families, the reason and the hint in one line; undefined if there are none. */
  describe(hintFor: HintFor): string | undefined {
    const [first] = [...this.#reasons.keys()].sort()
    if (first === undefined) return undefined
    const reason = this.#reasons.get(first) ?? ''
    return `rejected metrics ${this.#names}: ${withHint(reason, hintFor(reason))}`
  }

  /** Which of these families are rejected, and why; undefined if none. */
  of(families: readonly FamilyText[]): RejectedFamilies | undefined {
    const missing = families.map(({ name }) => name).filter((name) => this.#reasons.has(name))
    if (missing.length === 0) return undefined
    const byReason = Map.groupBy(missing, (name) => this.#reasons.get(name) ?? '')
    const reason = [...byReason].map(([text, names]) => `${text} (metrics ${names.join(' ')})`).join('; ')
    return { reason, families: new Set(missing) }
  }

  get #names(): string {
    const names = [...this.#reasons.keys()].sort()
    const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : ''
    return names.slice(0, maxNames).join(' ') + more
  }

  /** Logs which families are rejected, if that has changed. */
  log(log: Log, receiver: ReceiverLabels, hintFor: HintFor): void {
    const names = [...this.#reasons.keys()].sort()
    const text = names.join(' ')
    if (text === this.#reported) return
    this.#reported = text
    const [first] = names
    const families = this.#names
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

/** The rejection as series of the pushed snapshot. */
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
