import type { Starts } from '../../metrics/family.ts'
import type { Series } from '../../metrics/series.ts'
import type { Snapshot } from '../../metrics/snapshot.ts'
import type { LogEntry } from '../memory-tail.ts'
import { compress, decompress, PreviousValues, packColumn, unpackColumn } from './column-codec.ts'
import { maxSamples, recordOf, recordType } from './format.ts'
import { listOf, readList } from './list.ts'
import { Declarations, type Intern, KnownSeries } from './series-dictionary.ts'

const headBytes = 36
const flag = { standsAlone: 1, ownTimestamps: 2, starts: 4, isLast: 8 } as const

/** When counters began: two u48. */
const startsBytes = 12

/** Every so many snapshots one refers to none before it. */
const selfContainedEvery = 32

/** What can be told of a snapshot without its series. */
export interface Head {
  readonly sequence: number
  readonly samplesBefore: number
  readonly timestampMs: number
  readonly bootMs: number
  readonly samples: number
  readonly isSelfContained: boolean
}

export function headOf(payload: Buffer): Head {
  return {
    sequence: payload.readUIntLE(0, 6),
    samplesBefore: payload.readUIntLE(6, 6),
    timestampMs: payload.readDoubleLE(12),
    bootMs: payload.readUIntLE(20, 6),
    samples: payload.readUInt32LE(26),
    isSelfContained: (payload.readUInt8(30) & flag.standsAlone) !== 0,
  }
}

/** Turns the snapshots of one segment into its records, in order. */
export class Encoder {
  readonly #declarations = new Declarations()
  readonly #values = new PreviousValues()
  readonly #times = new PreviousValues()
  #before: Uint32Array = new Uint32Array()
  #starts: Starts | undefined
  #count = 0

  /** The records of one snapshot, its declarations before it. */
  encode({ sequence, samplesBefore, bootMs, snapshot }: LogEntry): readonly Buffer[] {
    const { ids, payload } = this.#declarations.of(snapshot.series)
    const standsAlone = this.#count++ % selfContainedEvery === 0
    if (standsAlone) {
      this.#values.clear()
      this.#times.clear()
    }
    const list = listOf(ids, standsAlone ? new Uint32Array() : this.#before)
    this.#before = ids
    const { starts } = snapshot
    const tells = standsAlone ? starts !== undefined : !isSame(starts, this.#starts)
    this.#starts = starts
    const body = Buffer.concat([this.#body(snapshot, ids, list), ...(tells ? [bytesOf(starts)] : [])])
    const head = Buffer.alloc(headBytes)
    head.writeUIntLE(sequence, 0, 6)
    head.writeUIntLE(samplesBefore, 6, 6)
    head.writeDoubleLE(snapshot.timestampMs, 12)
    head.writeUIntLE(Math.max(0, Math.floor(bootMs)), 20, 6)
    head.writeUInt32LE(ids.length, 26)
    const flags = [
      standsAlone ? flag.standsAlone : 0,
      snapshot.ownTimestampsMs ? flag.ownTimestamps : 0,
      tells ? flag.starts : 0,
      snapshot.isLast ? flag.isLast : 0,
    ]
    head.writeUInt8(
      flags.reduce((all, one) => all | one),
      30,
    )
    head.writeUInt32LE(list.length, 32)
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

/** Reads the records of one segment, in order. */
export class Decoder {
  readonly #known: KnownSeries
  readonly #values = new PreviousValues()
  readonly #times = new PreviousValues()
  #ids: Uint32Array = new Uint32Array()
  /** Of `#ids`; the same array as long as the snapshots have the same series. */
  #series: readonly (Series | undefined)[] = []
  #starts: Starts | undefined
  /** The sequence number that the next snapshot must have unless it stands alone. */
  #expected = Number.NaN

  constructor(intern: Intern) {
    this.#known = new KnownSeries(intern)
  }

  /** Throws where the payload is none. */
  declare(payload: Buffer): void {
    this.#known.take(payload)
    this.#series = []
  }

  /** The snapshot; undefined where it refers to one that could not be read. Throws where the payload is none. */
  snapshot(payload: Buffer): LogEntry | undefined {
    const head = headOf(payload)
    if (!head.isSelfContained && head.sequence !== this.#expected) return undefined
    this.#expected = Number.NaN // until all of it is read
    if (head.samples > maxSamples) throw new Error(`a snapshot of ${head.samples} samples`)
    if (head.isSelfContained) {
      this.#values.clear()
      this.#times.clear()
      this.#starts = undefined
    }
    const listBytes = payload.readUInt32LE(32)
    const flags = payload.readUInt8(30)
    const hasTimes = (flags & flag.ownTimestamps) !== 0
    const columnBytes = head.samples * 8
    const tells = (flags & flag.starts) !== 0
    const startsAt = listBytes + columnBytes * (hasTimes ? 2 : 1)
    const length = startsAt + (tells ? startsBytes : 0)
    const body = decompress(payload.subarray(headBytes), Math.max(1, length))
    if (body.length !== length) throw new Error(`a snapshot of ${body.length} bytes instead of ${length}`)
    this.#takeList(body.subarray(0, listBytes), head)
    const values = unpackColumn(body, listBytes, this.#ids, this.#values.for(this.#room()))
    const times = hasTimes
      ? unpackColumn(body, listBytes + columnBytes, this.#ids, this.#times.for(this.#room()))
      : undefined
    if (tells) this.#starts = startsIn(body, startsAt)
    this.#expected = head.sequence + 1
    return {
      sequence: head.sequence,
      samplesBefore: head.samplesBefore,
      samplesAfter: head.samplesBefore + head.samples,
      bootMs: head.bootMs,
      snapshot: {
        timestampMs: head.timestampMs,
        ...declaredOf(this.#series, values, times),
        ...(this.#starts && { starts: this.#starts }),
        ...((flags & flag.isLast) !== 0 && { isLast: true }),
      },
    }
  }

  /** Numbers in use go up to the highest that is declared, or used without. */
  #room(): number {
    let most = this.#known.count
    for (const id of this.#ids) if (id >= most) most = id + 1
    return most
  }

  #takeList(list: Buffer, { samples, isSelfContained }: Head): void {
    if (list.length > 0) {
      this.#ids = readList(list, isSelfContained ? new Uint32Array() : this.#ids)
      this.#series = []
    } else if (isSelfContained) this.#ids = new Uint32Array()
    if (this.#ids.length !== samples) throw new Error(`a list of ${this.#ids.length} series for ${samples} samples`)
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

/** Without the samples whose series is not known any more. */
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
