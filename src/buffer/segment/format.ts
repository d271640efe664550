import { crc32 } from 'node:zlib'

/**
 * The log on disk, version 3. All numbers are little endian; u48 is an unsigned integer of six bytes.
 *
 * DIRECTORY
 *   log/SEQUENCE.segment   snapshots, in files named by their first sequence number, 16 digits
 *   log/SEQUENCE.kept      a segment that every endpoint has passed (history/kept-segments.ts)
 *   cursors                the position of each endpoint (cursor/record.ts)
 *   dead-letters/          samples that a receiver rejected, in files of this format (log/dead-letters.ts)
 *   corrupt/               copies of corrupt bytes (log/quarantine.ts)
 *   owner                  the socket of the one process that may write (lock/lockfile.ts)
 *
 * SEGMENT = header, then records up to the end of the file
 *
 * header, 64 bytes; the first 12 bytes and the CRC are the same in every version
 *    0  8  "hostpush"
 *    8  2  version
 *   12  6  u48 first sequence number
 *   18  6  u48 samples appended to this log, ever, before this segment
 *   24  8  f64 wall clock at the creation, milliseconds since the epoch
 *   32 16  boot id (bytes of the UUID)
 *   48  8  f64 offset of the schedule, a fraction of the interval from 0 to 1
 *   60  4  CRC-32 of the 60 bytes before
 *
 * record:
 *    0  4  u32 length of the payload
 *    4  1  type: 1 declarations, 2 snapshot, 3 note, 4 loss
 *    5  3  A7 68 70, the marker by which a reader finds the next record after corrupt bytes
 *    8  4  CRC-32 of the 8 bytes before and the payload
 *   12     payload
 *
 * declarations: zstd of JSON (series-dictionary.ts): families, identities and series, each with a number that is valid
 * in this segment only. Everything is declared before its first use, and every declaration is written twice, so that one
 * corrupt place does not make later snapshots unreadable.
 *
 * snapshot:
 *    0  6  u48 sequence number
 *    6  6  u48 samples appended before this one
 *   12  8  f64 timestamp of its samples, milliseconds since the epoch
 *   20  8  f64 time for which the collection was scheduled, milliseconds since the epoch
 *   28  6  u48 boot clock, milliseconds
 *   34  6  u48 slot number: floor((scheduled time - offset) / interval)
 *   40  4  u32 samples
 *   44  4  u32 length of the list of series
 *   48  1  flags: 1 self-contained, 2 per-sample timestamps, 4 counter start times, 8 last before a stop, 16 has a slot
 *   49  1  number of in-flight marks
 *   50     the source's id, then the endpoint of each in-flight mark (cursor/in-flight-mark.ts): a byte with the
 *          length of the text in bytes, then the text
 *          zstd of: list of series, values, timestamps (column-codec.ts); with flag 4: u48 boot time, u48 start of the
 *          agent, milliseconds since the epoch, 0 for unset: written in self-contained snapshots and when they change
 *
 * note: JSON of the writer; in dead letters the endpoint and its reason.
 * loss: u48 from, u48 to: the samples with these numbers are not in the log, and they are already counted as dropped.
 *
 * INVARIANTS
 *   Sequence numbers grow by one from snapshot to snapshot and are never used twice. The numbering of samples grows by
 *   the samples of each snapshot, so the exact number of missing samples is known for every gap.
 *   Within a segment a snapshot refers to the previous one, except if it is self-contained: the first and every 32nd.
 *   Only the process that created a segment appends to it; a new process creates a new segment. Before a segment is
 *   created, the cursors are durable, so that the in-flight marks of older segments are not needed.
 *   If two segments contain the same sequence number, the later one counts: it was written after a failed sync.
 *
 * RECOVERY
 *   A start reads only the headers and the last segment. Bytes after the last valid record of the last segment are a torn
 *   write and are truncated. A corrupt record elsewhere is skipped: the reader searches the next valid record and
 *   continues at the next self-contained snapshot; the corrupt bytes are copied to corrupt/ and counted. A segment with
 *   a corrupt header is read by its name and its records. A directory with a segment of another version is refused and
 *   not changed (recovery/unsupported-version.ts). Versions 1 and 2 were never released.
 */
export const version = 3
export const headerBytes = 64
export const recordHeadBytes = 12

/** A longer length means corruption: declarations of a million series are shorter. */
export const maxRecordBytes = 64 * 1024 * 1024

/** More samples in one snapshot mean corruption that the checksum did not detect. */
export const maxSamples = 1 << 24

export const recordType = { declarations: 1, snapshot: 2, note: 3, loss: 4 } as const

const magic = Buffer.from('hostpush', 'latin1')
const marker = Buffer.of(0xa7, 0x68, 0x70)
const markerAt = 5

export interface Header {
  readonly first: number
  readonly samplesBefore: number
  readonly createdMs: number
  /** The UUID in /proc/sys/kernel/random/boot_id. */
  readonly bootId: string
  /** Offset of the schedule, a fraction of the interval from 0 to 1. */
  readonly offset: number
}

export function headerOf({ first, samplesBefore, createdMs, bootId, offset }: Header): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  magic.copy(bytes)
  bytes.writeUInt16LE(version, 8)
  bytes.writeUIntLE(first, 12, 6)
  bytes.writeUIntLE(samplesBefore, 18, 6)
  bytes.writeDoubleLE(createdMs, 24)
  bytes.write(bootId.replaceAll('-', ''), 32, 16, 'hex')
  bytes.writeDoubleLE(offset, 48)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

/** Reads the header, or only its version if this is not version 3. */
export function readHeader(bytes: Buffer): Header | { readonly version: number } | 'corrupt' {
  if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(magic)) return 'corrupt'
  if (crc32(bytes.subarray(0, 60)) !== bytes.readUInt32LE(60)) return 'corrupt'
  const found = bytes.readUInt16LE(8)
  if (found !== version) return { version: found }
  const hex = bytes.toString('hex', 32, 48)
  return {
    first: bytes.readUIntLE(12, 6),
    samplesBefore: bytes.readUIntLE(18, 6),
    createdMs: bytes.readDoubleLE(24),
    bootId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    offset: bytes.readDoubleLE(48),
  }
}

export const isUnsupported = (header: ReturnType<typeof readHeader>): header is { readonly version: number } =>
  typeof header === 'object' && 'version' in header

export const segmentName = (first: number): string => `${String(first).padStart(16, '0')}.segment`

/** The first sequence number of a segment, from its file name; undefined for other files. */
export function firstOf(name: string): number | undefined {
  const [, digits] = /^(\d{16})\.segment$/.exec(name) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export const keptName = (first: number): string => segmentName(first).replace(/segment$/, 'kept')

/** The first sequence number of a kept segment, from its file name; undefined for other files. */
export function keptFirstOf(name: string): number | undefined {
  const [, digits] = /^(\d{16})\.kept$/.exec(name) ?? []
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

/**
 * The record at an offset; `short` if it may continue after the end of the bytes; `bad` if there is no valid record.
 */
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

/** The offset of the next possible record at or after `from`; the end of the bytes if there is none. */
export function nextRecordOffset(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(marker, from + markerAt)
  return found < 0 ? bytes.length : found - markerAt
}

/** All valid records of a segment. Calls `bad` for the bytes between them, and for a torn end. */
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
