/**
 * Bisection of a range that was not accepted at once. Pure functions: which slice to send next and what an answer means.
 * RangeSender sends the slices and saves the pending slices in the cursor before each request, so that a crash loses none.
 *
 * A slice is a rectangle of entries and series, both by their index in the range. For a receiver, series are independent;
 * entries of one series must arrive in order.
 *
 * A rejected slice is split by series, down to the offending ones; the rest is delivered. Larger slices go first, to find
 * out early if anything is accepted (blame.ts). If an earlier attempt ended without a response, the receiver may already
 * have the samples: it accepts an exact duplicate of the newest sample of a series and rejects older ones. These steps
 * find out first if the slice had arrived:
 *
 *     first    the first entry alone             accepted: it had not arrived, the rest is new
 *     left     half of the first, by series      accepted: the same (the other half contains the offender)
 *     right    the other half                    accepted: the same
 *     last     the last entry alone              accepted: a duplicate, it had arrived; rejected: a normal rejection
 */
export type Step = 'send' | 'first' | 'left' | 'right' | 'last'

/** Whether a step sends the first entry to find out if the slice had arrived. */
export const isArrivalProbe = (step: Step): boolean => step === 'first' || step === 'left' || step === 'right'

export interface Slice {
  readonly step: Step
  /** Entries from `from` to `to`, exclusive. */
  readonly from: number
  readonly to: number
  /** Series from `low` to `high`, exclusive. */
  readonly low: number
  readonly high: number
  /** An attempt ended without a response. */
  readonly uncertain: boolean
}

/** Slices that are still to be sent; the last one is next. */
export type PendingSlices = readonly Slice[]

/** Final answer of the receiver to a slice. */
export type BisectAnswer = 'delivered' | 'rejected' | 'too large'

/** Result of an answer. */
export interface BisectStep {
  readonly pending: PendingSlices
  /** A slice that the receiver already had. */
  readonly replayed?: Slice
  /** A slice of one series that the receiver rejects. */
  readonly offending?: Slice
}

export const wholeRange = (entries: number, series: number, uncertain: boolean): PendingSlices => [
  { step: 'send', from: 0, to: entries, low: 0, high: series, uncertain },
]

/** True if nothing of the range has an answer yet. */
const isWholeRange = ([slice, ...others]: PendingSlices, entries: number, series: number): boolean =>
  others.length === 0 &&
  slice?.step === 'send' &&
  slice.from === 0 &&
  slice.to === entries &&
  slice.low === 0 &&
  slice.high >= series

/** The whole range in two slices: the first entry, then all others. */
export const firstEntrySeparately = (entries: number, series: number): PendingSlices =>
  entries === 1
    ? wholeRange(entries, series, false)
    : wholeRange(entries, series, false).flatMap((all) => [
        { ...all, from: 1 },
        { ...all, to: 1 },
      ])

/** The next slice again, marked as uncertain. */
export const retryLast = (work: PendingSlices): PendingSlices => [
  ...work.slice(0, -1),
  ...work.slice(-1).map((slice) => ({ ...slice, uncertain: true })),
]

/** The entries and series that a slice sends at its step. */
export function extent({ step, from, to, low, high }: Slice): Omit<Slice, 'step' | 'uncertain'> {
  const middle = Math.ceil((low + high) / 2)
  if (step === 'first') return { from, to: from + 1, low, high }
  if (step === 'left') return { from, to: from + 1, low, high: middle }
  if (step === 'right') return { from, to: from + 1, low: middle, high }
  if (step === 'last') return { from: to - 1, to, low, high }
  return { from, to, low, high }
}

/** Sum of the areas of these slices, in samples. */
export const areaOf = (work: PendingSlices): number =>
  work.reduce((sum, { from, to, low, high }) => sum + (to - from) * (high - low), 0)

/** Applies an answer to the next slice. */
export function advance(pending: PendingSlices, verdict: BisectAnswer, uncertain: boolean): BisectStep {
  const slice = pending.at(-1)
  if (slice === undefined) return { pending }
  const rest = pending.slice(0, -1)
  const { offending, replayed, next } = consequence({ ...slice, uncertain: slice.uncertain || uncertain }, verdict)
  return {
    pending: inOrder([...rest, ...next.toReversed()]),
    ...(offending && { offending }),
    ...(replayed && { replayed }),
  }
}

/** Earlier entries are sent first, to keep each series in order; for the same entries, the larger slice first. */
function inOrder(slices: readonly Slice[]): PendingSlices {
  return slices.toSorted((left, right) => right.from - left.from || left.high - left.low - (right.high - right.low))
}

interface Next {
  /** The next slices, in sending order. */
  readonly next: readonly Slice[]
  readonly offending?: Slice
  readonly replayed?: Slice
}

function consequence(slice: Slice, verdict: BisectAnswer): Next {
  if (verdict === 'too large') return smaller(slice)
  const accepted = verdict === 'delivered'
  switch (slice.step) {
    case 'send':
      if (accepted) return { next: [] }
      return slice.uncertain && slice.to - slice.from > 1 ? { next: [{ ...slice, step: 'first' }] } : split(slice)
    case 'first':
      if (accepted) return { next: afterFirst(slice) }
      return { next: [{ ...slice, step: slice.high - slice.low > 1 ? 'left' : 'last' }] }
    case 'left':
      return accepted
        ? { next: [firstOnly(slice, 'right'), ...afterFirst(slice)] }
        : { next: [{ ...slice, step: 'right' }] }
    case 'right':
      return accepted
        ? { next: [firstOnly(slice, 'left'), ...afterFirst(slice)] }
        : { next: [{ ...slice, step: 'last' }] }
    case 'last':
      return accepted ? { next: [], replayed: slice } : split(slice)
  }
}

/** The rest of a slice after its first entry was accepted as new. */
function afterFirst(slice: Slice): readonly Slice[] {
  return slice.to - slice.from > 1 ? [{ ...slice, step: 'send', from: slice.from + 1, uncertain: false }] : []
}

/** A slice for one half of the first entry. */
function firstOnly(slice: Slice, half: 'left' | 'right'): Slice {
  return { ...extent({ ...slice, step: half }), step: 'send', uncertain: false }
}

/** Two halves of a slice, by entries and then by series; itself if it is one sample. */
export function halvesOf(slice: Slice): readonly Slice[] {
  const both = { ...slice, step: 'send', uncertain: true } as const
  return slice.to - slice.from > 1 ? halves(both) : (({ next }) => (next.length > 0 ? next : [both]))(split(both, true))
}

/** Two halves by series. A slice of one series is offending. */
function split(slice: Slice, uncertain = false): Next {
  const { low, high } = slice
  if (high - low <= 1) return { next: [], offending: slice }
  const middle = Math.ceil((low + high) / 2)
  const half = { ...slice, step: 'send', uncertain } as const
  return {
    next: [
      { ...half, high: middle },
      { ...half, low: middle },
    ],
  }
}

/**
 * Splits a slice after HTTP 413: into halves by entries, then by series. Steps that send one entry are split by series. If
 * several entries may have arrived before, their first one is sent alone: half of them would not show whether they had.
 */
function smaller(slice: Slice): Next {
  const { from, to, uncertain } = slice
  if (to - from <= 1) return split({ ...slice, step: 'send' }, uncertain)
  if (slice.step !== 'send') return split({ ...slice, step: 'send' })
  if (uncertain) return { next: [{ ...slice, step: 'first' }] }
  return { next: halves(slice) }
}

function halves(slice: Slice): readonly Slice[] {
  const middle = Math.ceil((slice.from + slice.to) / 2)
  return [
    { ...slice, to: middle },
    { ...slice, from: middle },
  ]
}

/**
 * The next slice in two halves by entries, after a receiver has dropped series as a whole because one of their samples is
 * too old or too new. Series without such a sample are stored.
 */
export function splitByTime(pending: PendingSlices): PendingSlices {
  const slice = pending.at(-1)
  if (slice === undefined) return pending
  const both = halves({ ...slice, step: 'send', uncertain: true })
  return inOrder([...pending.slice(0, -1), ...both.toReversed()])
}

/**
 * Cuts the next slice until it has at most this many samples, for a range of `width` series: by entries, then by series.
 * If several entries may have arrived before, their first one is sent alone.
 */
export function fitted(pending: PendingSlices, width: number, samples: number): PendingSlices {
  const slice = pending.at(-1)
  if (slice === undefined || slice.step !== 'send') return pending
  const { from, to, low, uncertain } = slice
  const series = Math.max(1, Math.min(slice.high, width) - low)
  const entries = Math.max(1, Math.floor(samples / series))
  if (entries >= to - from && series <= samples) return pending
  const rest = pending.slice(0, -1)
  if (uncertain && to - from > 1) return [...rest, { ...slice, step: 'first' }]
  if (to - from > 1)
    return fitted([...rest, { ...slice, from: from + entries }, { ...slice, to: from + entries }], width, samples)
  const end = low + Math.max(1, samples)
  return [...rest, { ...slice, low: end }, { ...slice, high: end }]
}

const letters: Readonly<Record<Step, string>> = { send: 's', first: 'f', left: 'l', right: 'r', last: 'z' }
const steps = Object.fromEntries(Object.entries(letters).map(([step, letter]) => [letter, step])) as Readonly<
  Record<string, Step>
>

/** Maximum length of the note in a cursor record. */
const maxNoteBytes = 1024

/** Size of the range, to check whether a note belongs to it. */
interface RangeView {
  readonly entries: number
  readonly series: number
  readonly samples: number
}

/**
 * Pending slices as a short text for the cursor: the number of samples in the range, then each slice. If the number of
 * samples differs at the next start, relabeling rules have changed and indexes are invalid. An empty note stands for the
 * whole range, and so does an invalid one, or one that would be too long.
 */
export function serialize(work: PendingSlices, { entries, series, samples }: RangeView): string {
  if (isWholeRange(work, entries, series)) return ''
  const slices = work.map(({ step, from, to, low, high, uncertain }) =>
    [letters[step], from, to, low, high, uncertain ? 1 : 0].join(' '),
  )
  const note = [samples, ...slices].join(',')
  return note.length > maxNoteBytes ? '' : note
}

/** Pending slices of a note. The next slice is uncertain: it may have been sent before the crash. */
export function deserialize(note: string, { entries, series, samples }: RangeView): PendingSlices {
  const whole = wholeRange(entries, series, true)
  const [written, ...texts] = note.split(',')
  if (Number(written) !== samples) return whole
  const slices: Slice[] = []
  for (const text of texts) {
    const [letter = '', ...rest] = text.split(' ')
    const [from, to, low, high, uncertain] = rest.map(Number)
    const step = steps[letter]
    if (step === undefined || from === undefined || to === undefined || low === undefined || high === undefined)
      return whole
    if (!(from >= 0 && from < to && to <= entries && low >= 0 && low < high)) return whole
    // the last indexes belonged to series that ended in this range: the next agent does not know them
    if (low < series) slices.push({ step, from, to, low, high: Math.min(high, series), uncertain: uncertain === 1 })
  }
  const next = slices.pop()
  return next === undefined ? whole : [...slices, { ...next, uncertain: true }]
}
