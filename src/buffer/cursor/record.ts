import { crc32 } from 'node:zlib'
import type { LogPosition } from '../memory-tail.ts'
import type { InFlightRange } from '../types.ts'

/**
 * The file `cursors`, version 1. Each endpoint has a pair of slots of 4096 bytes, so that no write touches two slots.
 * A change is written to the slot that does not contain the last durable state; a torn write leaves the other one intact.
 * Slots never move, and the file gets its full length in advance: changing a cursor needs no space on a full disk.
 *
 * slot, numbers little endian:
 *    0  4  "HPcu"             4  2  version
 *    6  1  length of the name 7  1  flags: 1 a range is in flight
 *    8  6  u48 generation: of two valid slots the higher one is current
 *   14  6  u48 sequence number of the last final answer      20  6  u48 number of its last sample
 *   26  8  f64 time of the last activity, milliseconds since the epoch
 *   34  6  u48 `uncertain` of the cursor (types.ts)
 *   40  6  u48 first in flight    46  6  u48 last in flight    52  6  u48 number of the last sample in flight
 *   58  2  length of the note    60  2  length of the memo
 *   64     name, then note, then memo
 * 4080  6  u48 sequence number of the last delivered snapshot, 0 if unknown
 * 4092  4  CRC-32 of the bytes before
 *
 * A pair is free if it is all zeros or its name is empty.
 */
export const recordBytes = 4096
const recordVersion = 1
const magic = 0x75635048
const textAt = 64
const deliveredAt = 4080
const longestText = 1024

/** The durable state of one endpoint. */
export interface CursorState {
  readonly name: string
  readonly position: LogPosition
  readonly inFlight: (InFlightRange & { readonly samples: number }) | undefined
  readonly uncertain: number
  readonly writtenMs: number
  /** Text of the sender. */
  readonly memo: string
  /** The last delivered snapshot. `position` also moves past rejected and dropped ones. */
  readonly delivered: number
  /**
   * The log is needed after this sequence number only. Skipped snapshots do not move it: `lastDelivered` reads the snapshot
   * before them.
   */
  readonly settled: number
}

export interface CursorRecord {
  readonly generation: number
  readonly state: CursorState
}

export function recordOf(
  generation: number,
  { name, position, inFlight, uncertain, writtenMs, memo, delivered }: Omit<CursorState, 'settled'>,
): Buffer {
  const bytes = Buffer.alloc(recordBytes)
  const nameText = Buffer.from(name).subarray(0, 255)
  const note = textOf(inFlight?.note ?? '')
  const memoText = textOf(memo)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt16LE(recordVersion, 4)
  bytes.writeUInt8(nameText.length, 6)
  bytes.writeUInt8(inFlight ? 1 : 0, 7)
  bytes.writeUIntLE(generation, 8, 6)
  bytes.writeUIntLE(position.sequence, 14, 6)
  bytes.writeUIntLE(position.samples, 20, 6)
  bytes.writeDoubleLE(writtenMs, 26)
  bytes.writeUIntLE(uncertain, 34, 6)
  bytes.writeUIntLE(inFlight?.first ?? 0, 40, 6)
  bytes.writeUIntLE(inFlight?.last ?? 0, 46, 6)
  bytes.writeUIntLE(inFlight?.samples ?? 0, 52, 6)
  bytes.writeUInt16LE(note.length, 58)
  bytes.writeUInt16LE(memoText.length, 60)
  nameText.copy(bytes, textAt)
  note.copy(bytes, textAt + nameText.length)
  memoText.copy(bytes, textAt + nameText.length + note.length)
  bytes.writeUIntLE(delivered, deliveredAt, 6)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, recordBytes - 4)), recordBytes - 4)
  return bytes
}

function textOf(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > longestText)
    throw new Error(`buffer: memo or note has ${bytes.length} bytes, the limit is ${longestText}`)
  return bytes
}

/** The content of a slot; `empty` if it was never written. */
export function readRecord(bytes: Buffer): CursorRecord | 'empty' | 'corrupt' {
  if (bytes.every((byte) => byte === 0)) return 'empty'
  if (bytes.length < recordBytes || bytes.readUInt32LE(0) !== magic) return 'corrupt'
  if (crc32(bytes.subarray(0, recordBytes - 4)) !== bytes.readUInt32LE(recordBytes - 4)) return 'corrupt'
  if (bytes.readUInt16LE(4) !== recordVersion) return 'corrupt'
  const nameEnd = textAt + bytes.readUInt8(6)
  const noteEnd = nameEnd + bytes.readUInt16LE(58)
  const position = { sequence: bytes.readUIntLE(14, 6), samples: bytes.readUIntLE(20, 6) }
  const delivered = bytes.readUIntLE(deliveredAt, 6)
  const inFlight = {
    first: bytes.readUIntLE(40, 6),
    last: bytes.readUIntLE(46, 6),
    samples: bytes.readUIntLE(52, 6),
    note: bytes.toString('utf8', nameEnd, noteEnd),
  }
  return {
    generation: bytes.readUIntLE(8, 6),
    state: {
      name: bytes.toString('utf8', textAt, nameEnd),
      position,
      inFlight: bytes.readUInt8(7) & 1 ? inFlight : undefined,
      uncertain: bytes.readUIntLE(34, 6),
      writtenMs: bytes.readDoubleLE(26),
      memo: bytes.toString('utf8', noteEnd, noteEnd + bytes.readUInt16LE(60)),
      delivered,
      settled: delivered > 0 ? Math.min(delivered, position.sequence) : position.sequence,
    },
  }
}
