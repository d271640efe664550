import { crc32 } from 'node:zlib'

/**
 * The log on disk, version 2. All numbers are little endian; u48 is an unsigned integer of six bytes.
 *
 * DIRECTORY
 *   log/SEQUENCE.segment   snapshots, in files named by the first sequence number that they may hold, 16 digits
 *   cursors                where each endpoint is (cursors.ts)
 *   aside/                 what a receiver refused, in files of this same format (aside.ts)
 *   corrupt/               bytes that could not be read (corrupt.ts)
 *   owner                  the socket of the one process that may write here (owner.ts)
 *
 * SEGMENT = header, then records up to the end of the file
 *
 * header, 64 bytes, the same in every version: one that cannot read the records knows what comes before them
 *    0  8  "hostpush"
 *    8  2  version
 *   12  6  u48 first sequence number
 *   18  6  u48 samples appended to this log, ever, before this segment
 *   24  8  f64 wall clock at its making, milliseconds since the epoch
 *   32 16  boot id (bytes of the UUID)
 *   60  4  CRC-32 of the 60 bytes before
 *
 * record:
 *    0  4  u32 length of the payload
 *    4  1  type: 1 declarations, 2 snapshot, 3 note, 4 loss
 *    5  3  A7 68 70, by which a reader finds its way again
 *    8  4  CRC-32 of the 8 bytes before and the payload
 *   12     payload
 *
 * declarations: zstd of JSON (declare.ts): families, identities and series, each with a number that holds in this
 * segment alone. Everything is declared before it is used, and every declaration is written twice, so that one damaged
 * place never takes the meaning of all that follows.
 *
 * snapshot:
 *    0  6  u48 sequence number
 *    6  6  u48 samples appended before this one
 *   12  8  f64 wall clock, milliseconds since the epoch
 *   20  6  u48 boot clock, milliseconds
 *   26  4  u32 samples
 *   30  1  flags: 1 stands alone, 2 has timestamps of its own, 4 tells when counters began, 8 is the last before a stop
 *   32  4  u32 length of the list of series
 *   36     zstd of: list of series, values, timestamps (columns.ts); u48 boot, u48 start of the agent that took it,
 *          milliseconds since the epoch, 0 for unset: told where it stands alone and where they change
 *
 * note: JSON, the writer's own; for refused samples who refused them and why.
 * loss: u48 from, u48 to: of the samples numbered so none is in the log, and that has been counted.
 *
 * INVARIANTS
 *   Sequence numbers grow by one from record to record, and are never used twice. The numbering of samples grows by
 *   the samples of each snapshot, so that any gap, whatever made it, is known to the sample.
 *   Within a segment a snapshot refers to the one before it, except where it stands alone: the first, and every 32nd.
 *   A segment is only ever appended to, by the one process that made it; a new process makes a new one.
 *   Where two segments hold the same number, the later one counts: it was written anew after a failed sync.
 *
 * RECOVERY
 *   Only headers and the last segment are read at the start. What follows the last good record of the last segment
 *   is a torn write and is cut. A bad record elsewhere is skipped: the reader looks for the next good one and goes on
 *   at the next snapshot that stands alone; the bytes are kept aside and counted. A segment with a bad header is
 *   read by its name and its records. Segments of a newer version are moved to where that will find them (newer.ts).
 *
 * VERSION 1 has no word on when counters began: neither flag 4 nor what a family counts since. It reads as unset.
 */
export const version = 2
export const headerBytes = 64
export const recordHeadBytes = 12

/** A record that claims to be longer is none: declarations of a million series are below it. */
export const maxRecordBytes = 64 * 1024 * 1024

/** More samples than this in one snapshot are a sign of damage that its checksum missed. */
export const maxSamples = 1 << 24

export const recordType = { declarations: 1, snapshot: 2, note: 3, loss: 4 } as const

const magic = Buffer.from('hostpush', 'latin1')
const marker = Buffer.of(0xa7, 0x68, 0x70)
const markerAt = 5

export interface Header {
  readonly first: number
  readonly samplesBefore: number
  readonly createdMs: number
  /** As the kernel writes it, a UUID. */
  readonly bootId: string
}

export function headerOf({ first, samplesBefore, createdMs, bootId }: Header): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  magic.copy(bytes)
  bytes.writeUInt16LE(version, 8)
  bytes.writeUIntLE(first, 12, 6)
  bytes.writeUIntLE(samplesBefore, 18, 6)
  bytes.writeDoubleLE(createdMs, 24)
  bytes.write(bootId.replaceAll('-', ''), 32, 16, 'hex')
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

/** The header; `isNewer` where a newer version wrote what follows it. */
export function readHeader(bytes: Buffer): (Header & { readonly isNewer: boolean }) | 'corrupt' {
  if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(magic)) return 'corrupt'
  if (crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return 'corrupt'
  const hex = bytes.toString('hex', 32, 48)
  return {
    isNewer: bytes.readUInt16LE(8) > version,
    first: bytes.readUIntLE(12, 6),
    samplesBefore: bytes.readUIntLE(18, 6),
    createdMs: bytes.readDoubleLE(24),
    bootId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  }
}

export const segmentName = (first: number): string => `${String(first).padStart(16, '0')}.segment`

/** The first sequence number of a segment by its name; undefined for a file that is none. */
export function firstOf(name: string): number | undefined {
  const [, digits] = /^(\d{16})\.segment$/.exec(name) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export function recordOf(type: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(recordHeadBytes + payload.length)
  bytes.writeUInt32LE(payload.length, 0)
  bytes.writeUInt8(type, 4)
  marker.copy(bytes, markerAt)
  payload.copy(bytes, recordHeadBytes)
  bytes.writeUInt32LE(checksum(bytes), 8)
  return bytes
}

const checksum = (record: Buffer) => crc32(record.subarray(recordHeadBytes), crc32(record.subarray(0, 8)))

export interface Record {
  readonly type: number
  readonly payload: Buffer
  /** Length of the whole record. */
  readonly length: number
}

/** The record at a place; `short` where the bytes may end before it does; `bad` where there is none. */
export function recordAt(bytes: Buffer, at: number): Record | 'short' | 'bad' {
  if (at + recordHeadBytes > bytes.length) return 'short'
  if (marker.compare(bytes, at + markerAt, at + markerAt + marker.length) !== 0) return 'bad'
  const payloadLength = bytes.readUInt32LE(at)
  if (payloadLength > maxRecordBytes) return 'bad'
  const length = recordHeadBytes + payloadLength
  if (at + length > bytes.length) return 'short'
  const record = bytes.subarray(at, at + length)
  if (checksum(record) !== record.readUInt32LE(8)) return 'bad'
  return { type: record.readUInt8(4), payload: record.subarray(recordHeadBytes), length }
}

/** Where a record may begin, at or after a place; the end of the bytes where there is no sign of one. */
export function nextRecordOffset(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(marker, from + markerAt)
  return found < 0 ? bytes.length : found - markerAt
}

/** All good records of a whole segment; `bad` is told of what lies between them, and of the end if it is torn. */
export function* recordsOf(
  bytes: Buffer,
  bad: (from: number, to: number) => void,
): Generator<Record & { readonly at: number }> {
  let end = headerBytes
  for (let at = headerBytes; at < bytes.length; ) {
    const record = recordAt(bytes, at)
    if (typeof record === 'string') {
      at = nextRecordOffset(bytes, at + 1)
      continue
    }
    if (at > end) bad(end, at)
    yield { ...record, at }
    at += record.length
    end = at
  }
  if (end < bytes.length) bad(end, bytes.length)
}
