/**
 * How a range that was not simply accepted is worked out, piece by piece. Pure: what to send next and what an answer
 * means; the sender does the sending and keeps `Work` in the cursor before each request, so that a crash loses none.
 *
 * A piece is a rectangle: entries by series, each by their place in the range. Series are independent of one another at
 * a receiver, entries of one series must go in order.
 *
 * A refused piece is split by series, down to the offending ones; the rest of it is delivered. The larger parts go first,
 * so that it soon shows whether anything of it is taken (trial.ts). Where an earlier attempt
 * ended without an answer, the refusal may be the echo of an arrival: a receiver takes an exact duplicate of a series'
 * newest sample and refuses older ones. So first the question is settled whether it had arrived:
 *
 *     first    the first entry alone          taken: it had not arrived; what is left goes on as new
 *     left     half of the first, by series   taken: likewise (the other half holds the offender)
 *     right    the other half                 taken: likewise
 *     last     the last entry alone           taken: a duplicate, it had arrived; refused: a refusal like any other
 */
export type Step = 'send' | 'first' | 'left' | 'right' | 'last'

/** Whether a step is there to find out if a range had arrived, by its first entry. */
export const isArrivalProbe = (step: Step): boolean => step === 'first' || step === 'left' || step === 'right'

export interface Slice {
  readonly step: Step
  /** Entries `from` up to, not with, `to`. */
  readonly from: number
  readonly to: number
  /** Series `low` up to, not with, `high`. */
  readonly low: number
  readonly high: number
  /** An attempt at it ended without an answer. */
  readonly uncertain: boolean
}

/** What is left to do, the next piece last. */
export type PendingSlices = readonly Slice[]

/** What a receiver finally said of a piece. */
export type BisectAnswer = 'delivered' | 'rejected' | 'too large'

/** What follows from a verdict. */
export interface BisectStep {
  readonly pending: PendingSlices
  /** A piece that turned out to have arrived before. */
  readonly replayed?: Slice
  /** A piece of one series that the receiver will not have. */
  readonly offending?: Slice
}

export const wholeRange = (entries: number, series: number, uncertain: boolean): PendingSlices => [
  { step: 'send', from: 0, to: entries, low: 0, high: series, uncertain },
]

/** The same, its first entry before all others. */
export const firstEntrySeparately = (entries: number, series: number): PendingSlices =>
  entries === 1
    ? wholeRange(entries, series, false)
    : wholeRange(entries, series, false).flatMap((all) => [
        { ...all, from: 1 },
        { ...all, to: 1 },
      ])

/** The next piece once more: it may have arrived. */
export const retryLast = (work: PendingSlices): PendingSlices => [
  ...work.slice(0, -1),
  ...work.slice(-1).map((piece) => ({ ...piece, uncertain: true })),
]

/** Which entries and series a piece sends at its step. */
export function extent({ step, from, to, low, high }: Slice): Omit<Slice, 'step' | 'uncertain'> {
  const middle = Math.ceil((low + high) / 2)
  if (step === 'first') return { from, to: from + 1, low, high }
  if (step === 'left') return { from, to: from + 1, low, high: middle }
  if (step === 'right') return { from, to: from + 1, low: middle, high }
  if (step === 'last') return { from: to - 1, to, low, high }
  return { from, to, low, high }
}

/** How many samples, of a full rectangle, there are in these. */
export const areaOf = (work: PendingSlices): number =>
  work.reduce((sum, { from, to, low, high }) => sum + (to - from) * (high - low), 0)

/** The work that remains after the next piece had this verdict. */
export function advance(pending: PendingSlices, verdict: BisectAnswer, uncertain: boolean): BisectStep {
  const piece = pending.at(-1)
  if (piece === undefined) return { pending }
  const rest = pending.slice(0, -1)
  const { offending, replayed, next } = consequence({ ...piece, uncertain: piece.uncertain || uncertain }, verdict)
  return {
    pending: inOrder([...rest, ...next.toReversed()]),
    ...(offending && { offending }),
    ...(replayed && { replayed }),
  }
}

/** Earlier entries first, as a series takes none out of order; of the same ones the larger part first. */
function inOrder(pieces: readonly Slice[]): PendingSlices {
  return pieces.toSorted((left, right) => right.from - left.from || left.high - left.low - (right.high - right.low))
}

interface Next {
  /** In the order in which they are to be sent. */
  readonly next: readonly Slice[]
  readonly offending?: Slice
  readonly replayed?: Slice
}

function consequence(piece: Slice, verdict: BisectAnswer): Next {
  if (verdict === 'too large') return smaller(piece)
  const taken = verdict === 'delivered'
  switch (piece.step) {
    case 'send':
      if (taken) return { next: [] }
      return piece.uncertain && piece.to - piece.from > 1 ? { next: [{ ...piece, step: 'first' }] } : split(piece)
    case 'first':
      if (taken) return { next: afterFirst(piece) }
      return { next: [{ ...piece, step: piece.high - piece.low > 1 ? 'left' : 'last' }] }
    case 'left':
      return taken
        ? { next: [firstOnly(piece, 'right'), ...afterFirst(piece)] }
        : { next: [{ ...piece, step: 'right' }] }
    case 'right':
      return taken ? { next: [firstOnly(piece, 'left'), ...afterFirst(piece)] } : { next: [{ ...piece, step: 'last' }] }
    case 'last':
      return taken ? { next: [], replayed: piece } : split(piece)
  }
}

/** What is left of a piece whose first entry is known not to have arrived before, and now has. */
function afterFirst(piece: Slice): readonly Slice[] {
  return piece.to - piece.from > 1 ? [{ ...piece, step: 'send', from: piece.from + 1, uncertain: false }] : []
}

/** One half of the first entry, as a piece of its own. */
function firstOnly(piece: Slice, half: 'left' | 'right'): Slice {
  return { ...extent({ ...piece, step: half }), step: 'send', uncertain: false }
}

/** Two halves by series; of one series there is nothing to split. */
function split(piece: Slice): Next {
  const { low, high } = piece
  if (high - low <= 1) return { next: [], offending: piece }
  const middle = Math.ceil((low + high) / 2)
  const half = { ...piece, step: 'send', uncertain: false } as const
  return {
    next: [
      { ...half, high: middle },
      { ...half, low: middle },
    ],
  }
}

/** A body that is too large: fewer entries, then fewer series. The steps' own pieces shrink to their next step. */
function smaller(piece: Slice): Next {
  const { from, to } = piece
  if (piece.step !== 'send' || to - from <= 1) return split({ ...piece, step: 'send' })
  const middle = Math.ceil((from + to) / 2)
  return {
    next: [
      { ...piece, to: middle },
      { ...piece, from: middle },
    ],
  }
}

const letters: Readonly<Record<Step, string>> = { send: 's', first: 'f', left: 'l', right: 'r', last: 'z' }
const steps = Object.fromEntries(Object.entries(letters).map(([step, letter]) => [letter, step])) as Readonly<
  Record<string, Step>
>

/** What a cursor keeps of a note at most. */
const maxNoteBytes = 1024

/** A range as the agent sees it that writes a note, or reads one. */
interface RangeView {
  readonly entries: number
  readonly series: number
  readonly samples: number
}

/**
 * Work as the short text that the cursor keeps, after the number of samples in the range: where that has changed, other
 * rules hold for this endpoint, and places no longer mean what they did. A note that cannot be read stands for the whole
 * range, uncertain.
 */
export function serialize(work: PendingSlices, samples: number): string {
  const pieces = work.map(({ step, from, to, low, high, uncertain }) =>
    [letters[step], from, to, low, high, uncertain ? 1 : 0].join(' '),
  )
  const note = [samples, ...pieces].join(',')
  return note.length > maxNoteBytes ? '' : note
}

/** The work of a note; whatever was being sent may have arrived. */
export function deserialize(note: string, { entries, series, samples }: RangeView): PendingSlices {
  const whole = wholeRange(entries, series, true)
  const [written, ...texts] = note.split(',')
  if (Number(written) !== samples) return whole
  const pieces: Slice[] = []
  for (const text of texts) {
    const [letter = '', ...rest] = text.split(' ')
    const [from, to, low, high, uncertain] = rest.map(Number)
    const step = steps[letter]
    if (step === undefined || from === undefined || to === undefined || low === undefined || high === undefined)
      return whole
    if (!(from >= 0 && from < to && to <= entries && low >= 0 && low < high)) return whole
    // the last places were those of series that ended with the range: the agent after does not know of them
    if (low < series) pieces.push({ step, from, to, low, high: Math.min(high, series), uncertain: uncertain === 1 })
  }
  const next = pieces.pop()
  return next === undefined ? whole : [...pieces, { ...next, uncertain: true }]
}
