import { hostSource, type Series, type Snapshot, type Starts } from '../../metrics/index.ts'

import type { LogEntry } from '../memory-tail.ts'
import { compress, decompress, PreviousValues, packColumn, unpackColumn } from './column-codec.ts'
import { maxSamples, recordOf, recordType } from './format.ts'
import { Declarations, type Intern, KnownSeries } from './series-dictionary.ts'

/** Length of the fields before the texts. */
const fixedBytes = 50
const flag = { selfContained: 1, ownTimestamps: 2, starts: 4, isLast: 8, slot: 16 } as const

/** Start times of counters: two u48. */
const startsBytes = 12

/** Every 32nd snapshot does not refer to the previous one. */
const selfContainedEvery = 32

/** The fields of a snapshot record that are readable without its series. */
export interface Head {
  readonly sequence: number
  readonly samplesBefore: number
  readonly timestampMs: number
  readonly scheduledMs: number
  readonly bootMs: number
  readonly slot: number | undefined
  readonly samples: number
  readonly isSelfContained: boolean
  readonly source: string
  /** The endpoints with an in-flight mark. */
  readonly marks: readonly string[]
}

interface WholeHead extends Head {
  readonly flags: number
  readonly listBytes: number
  /** Length of all fields before the compressed body. */
  readonly headBytes: number
}

export function headOf(payload: Buffer): WholeHead {
  const flags = payload.readUInt8(48)
  const texts: string[] = []
  let at = fixedBytes
  for (let left = 1 + payload.readUInt8(49); left > 0; left--) {
    const end = at + 1 + payload.readUInt8(at)
    texts.push(payload.toString('utf8', at + 1, end))
    at = end
  }
  const [source = '', ...marks] = texts
  return {
    sequence: payload.readUIntLE(0, 6),
    samplesBefore: payload.readUIntLE(6, 6),
    timestampMs: payload.readDoubleLE(12),
    scheduledMs: payload.readDoubleLE(20),
    bootMs: payload.readUIntLE(28, 6),
    slot: flags & flag.slot ? payload.readUIntLE(34, 6) : undefined,
    samples: payload.readUInt32LE(40),
    listBytes: payload.readUInt32LE(44),
    isSelfContained: (flags & flag.selfContained) !== 0,
    ...{ source, marks, flags, headBytes: at },
  }
}

/** A text with its length in one byte. Longer texts are cut to 255 bytes. */
function shortText(text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 255)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

/** Encodes the snapshots of one segment, in order. */
export class Encoder {
  readonly #declarations = new Declarations()
  readonly #values = new PreviousValues()
  readonly #times = new PreviousValues()
  #before: Uint32Array = new Uint32Array()
  #starts: Starts | undefined
  #count = 0

  /** The records of one snapshot: two copies of new declarations, then the snapshot. */
  encode(entry: LogEntry): readonly Buffer[] {
    const { snapshot } = entry
    const { ids, payload } = this.#declarations.of(snapshot.series)
    const isSelfContained = this.#count++ % selfContainedEvery === 0
    if (isSelfContained) {
      this.#values.clear()
      this.#times.clear()
    }
    const list = listOf(ids, isSelfContained ? new Uint32Array() : this.#before)
    this.#before = ids
    const { starts } = snapshot
    const hasStarts = isSelfContained ? starts !== undefined : !isSame(starts, this.#starts)
    this.#starts = starts
    const body = Buffer.concat([this.#body(snapshot, ids, list), ...(hasStarts ? [bytesOf(starts)] : [])])
    const head = headBytesOf(entry, { isSelfContained, hasStarts, samples: ids.length, listBytes: list.length })
    const record = recordOf(recordType.snapshot, Buffer.concat([head, compress(body)]))
    if (payload === undefined) return [record]
    const declared = recordOf(recordType.declarations, payload)
    return [declared, declared, record]
  }

  #body({ values, ownTimestampsMs }: Snapshot, ids: Uint32Array, list: Buffer): Buffer {
    const columnBytes = ids.length * 8
    const body = Buffer.allocUnsafe(list.length + columnBytes * (ownTimestampsMs ? 2 : 1))
    list.copy(body)
    const { count } = this.#declarations
    packColumn(values, ids, this.#values.for(count), body, list.length)
    if (ownTimestampsMs) packColumn(ownTimestampsMs, ids, this.#times.for(count), body, list.length + columnBytes)
    return body
  }
}

interface Parts {
  readonly isSelfContained: boolean
  readonly hasStarts: boolean
  readonly samples: number
  readonly listBytes: number
}

function headBytesOf(
  { sequence, samplesBefore, bootMs, snapshot, marks }: LogEntry,
  { isSelfContained, hasStarts, samples, listBytes }: Parts,
): Buffer {
  const head = Buffer.alloc(fixedBytes)
  head.writeUIntLE(sequence, 0, 6)
  head.writeUIntLE(samplesBefore, 6, 6)
  head.writeDoubleLE(snapshot.timestampMs, 12)
  head.writeDoubleLE(snapshot.scheduledMs ?? snapshot.timestampMs, 20)
  head.writeUIntLE(Math.max(0, Math.floor(bootMs)), 28, 6)
  head.writeUIntLE(Math.max(0, snapshot.slot ?? 0), 34, 6)
  head.writeUInt32LE(samples, 40)
  head.writeUInt32LE(listBytes, 44)
  head.writeUInt8(
    (isSelfContained ? flag.selfContained : 0) |
      (snapshot.ownTimestampsMs ? flag.ownTimestamps : 0) |
      (hasStarts ? flag.starts : 0) |
      (snapshot.isLast ? flag.isLast : 0) |
      (snapshot.slot === undefined ? 0 : flag.slot),
    48,
  )
  head.writeUInt8(marks.length, 49)
  return Buffer.concat([head, ...[snapshot.source ?? hostSource, ...marks].map(shortText)])
}

/** Decodes the records of one segment, in order. */
export class Decoder {
  readonly #known: KnownSeries
  readonly #values = new PreviousValues()
  readonly #times = new PreviousValues()
  #ids: Uint32Array = new Uint32Array()
  /** The series of `#ids`. The array stays the same while the snapshots have the same series. */
  #series: readonly (Series | undefined)[] = []
  #starts: Starts | undefined
  /** Required sequence number of the next snapshot, unless it is self-contained. */
  #expected = Number.NaN

  constructor(intern: Intern) {
    this.#known = new KnownSeries(intern)
  }

  /** Reads a declarations record. Throws if the payload is invalid. */
  declare(payload: Buffer): void {
    this.#known.read(payload)
    this.#series = []
  }

  /** Reads a snapshot; undefined if it refers to a snapshot that was not read. Throws if the payload is invalid. */
  snapshot(payload: Buffer): LogEntry | undefined {
    const head = headOf(payload)
    if (!head.isSelfContained && head.sequence !== this.#expected) return undefined
    this.#expected = Number.NaN // until the whole snapshot is decoded
    if (head.samples > maxSamples)
      throw new Error(`snapshot claims ${head.samples} samples, the limit is ${maxSamples}`)
    if (head.isSelfContained) {
      this.#values.clear()
      this.#times.clear()
      this.#starts = undefined
    }
    const { listBytes, flags, source, slot, scheduledMs, marks } = head
    const hasTimes = (flags & flag.ownTimestamps) !== 0
    const columnBytes = head.samples * 8
    const hasStarts = (flags & flag.starts) !== 0
    const startsAt = listBytes + columnBytes * (hasTimes ? 2 : 1)
    const length = startsAt + (hasStarts ? startsBytes : 0)
    const body = decompress(payload.subarray(head.headBytes), Math.max(1, length))
    if (body.length !== length) throw new Error(`snapshot has ${body.length} bytes, expected ${length}`)
    this.#readList(body.subarray(0, listBytes), head)
    const values = unpackColumn(body, listBytes, this.#ids, this.#values.for(this.#seriesCount()))
    const times = hasTimes
      ? unpackColumn(body, listBytes + columnBytes, this.#ids, this.#times.for(this.#seriesCount()))
      : undefined
    if (hasStarts) this.#starts = startsIn(body, startsAt)
    this.#expected = head.sequence + 1
    return {
      sequence: head.sequence,
      samplesBefore: head.samplesBefore,
      samplesAfter: head.samplesBefore + head.samples,
      bootMs: head.bootMs,
      marks,
      snapshot: {
        timestampMs: head.timestampMs,
        ...(source !== hostSource && { source }),
        ...(slot !== undefined && { slot }),
        ...(scheduledMs !== head.timestampMs && { scheduledMs }),
        ...declaredOf(this.#series, values, times),
        ...(this.#starts && { starts: this.#starts }),
        ...((flags & flag.isLast) !== 0 && { isLast: true }),
      },
    }
  }

  /** Size of the arrays of previous values: series numbers may be used although their declaration is corrupt. */
  #seriesCount(): number {
    let most = this.#known.count
    for (const id of this.#ids) if (id >= most) most = id + 1
    return most
  }

  #readList(list: Buffer, { samples, isSelfContained }: Head): void {
    if (list.length > 0) {
      this.#ids = readList(list, isSelfContained ? new Uint32Array() : this.#ids)
      this.#series = []
    } else if (isSelfContained) this.#ids = new Uint32Array()
    if (this.#ids.length !== samples)
      throw new Error(`series list has ${this.#ids.length} entries for ${samples} samples`)
    if (this.#series.length !== samples) this.#series = Array.from(this.#ids, (id) => this.#known.at(id))
  }
}

const isSame = (left: Starts | undefined, right: Starts | undefined) =>
  left?.boot === right?.boot && left?.start === right?.start

function bytesOf({ boot, start }: Starts = { boot: 0, start: 0 }): Buffer {
  const bytes = Buffer.alloc(startsBytes)
  bytes.writeUIntLE(boot, 0, 6)
  bytes.writeUIntLE(start, 6, 6)
  return bytes
}

function startsIn(body: Buffer, at: number): Starts {
  return { boot: body.readUIntLE(at, 6), start: body.readUIntLE(at + 6, 6) }
}

/** The series and values without samples of unknown series: both copies of their declaration are corrupt. */
function declaredOf(
  series: readonly (Series | undefined)[],
  values: Float64Array,
  times: Float64Array | undefined,
): Pick<Snapshot, 'series' | 'values' | 'ownTimestampsMs'> {
  if (!series.includes(undefined))
    return { series: series as readonly Series[], values, ...(times && { ownTimestampsMs: times }) }
  const isKnown = (_: number, i: number) => series[i] !== undefined
  return {
    series: series.filter((one) => one !== undefined),
    values: values.filter(isKnown),
    ...(times && { ownTimestampsMs: times.filter(isKnown) }),
  }
}

/**
 * Encodes a list of series numbers: the lengths of the common head and tail with the previous list, then the
 * differences.
 */
function listOf(ids: Uint32Array, before: Uint32Array): Buffer {
  if (ids === before) return Buffer.alloc(0)
  const shorter = Math.min(ids.length, before.length)
  let head = 0
  while (head < shorter && ids[head] === before[head]) head++
  let tail = 0
  while (tail < shorter - head && ids[ids.length - 1 - tail] === before[before.length - 1 - tail]) tail++
  const bytes: number[] = []
  putNumber(bytes, head)
  putNumber(bytes, tail)
  let previous = -1
  for (const id of ids.subarray(head, ids.length - tail)) {
    const step = id - previous - 1
    putNumber(bytes, step < 0 ? -2 * step - 1 : 2 * step)
    previous = id
  }
  return Buffer.from(bytes)
}

function readList(list: Buffer, before: Uint32Array): Uint32Array {
  const numbers = numbersOf(list)
  const [head = 0, tail = 0, ...steps] = numbers
  if (head + tail > before.length) throw new Error('series list refers to a longer previous list')
  let previous = -1
  const middle = steps.map((step) => (previous += 1 + (step % 2 === 0 ? step / 2 : -(step + 1) / 2)))
  if (middle.some((id) => id < 0 || id >= maxSamples)) throw new Error('series list contains an invalid series number')
  const ids = new Uint32Array(head + middle.length + tail)
  ids.set(before.subarray(0, head))
  ids.set(middle, head)
  ids.set(before.subarray(before.length - tail), head + middle.length)
  return ids
}

/** Varint: seven bits per byte, the highest bit is set if more bytes follow. */
function putNumber(bytes: number[], number: number): void {
  let rest = number
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
}

function numbersOf(bytes: Buffer): readonly number[] {
  const numbers: number[] = []
  let number = 0
  let scale = 1
  for (const byte of bytes) {
    number += (byte & 127) * scale
    scale *= 128
    if (byte > 127) continue
    numbers.push(number)
    number = 0
    scale = 1
  }
  return numbers
}
