import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { File, FileSystem } from '../../src/buffer/disk/filesystem.ts'
import { headerBytes, recordAt, recordType } from '../../src/buffer/segment/format.ts'
import { headOf } from '../../src/buffer/segment/snapshot-codec.ts'
import type { Durable } from './judge.ts'

/**
 * The ledger: a file system that records each snapshot when the sync after its write has finished. It decodes the bytes
 * of the log independently of the writer.
 */
export function ledgered(files: FileSystem, path: string): FileSystem & { close(): void } {
  const ledger = openSync(path, 'a')
  return {
    ...files,
    async open(name, mode) {
      const file = await files.open(name, mode)
      return /\/log\/\d{16}\.segment$/.test(name) ? watched(file, ledger) : file
    },
    close: () => closeSync(ledger),
  }
}

function watched(file: File, ledger: number): File {
  let written: string[] = []
  return {
    ...file,
    async write(bytes, position) {
      await file.write(bytes, position)
      written.push(...linesOf(bytes, position === 0 ? headerBytes : 0))
    },
    async datasync() {
      const lines = written
      written = []
      await file.datasync()
      if (lines.length > 0) writeSync(ledger, lines.join(''))
    },
  }
}

function* linesOf(bytes: Buffer, from: number): Generator<string> {
  for (let at = from; at < bytes.length; ) {
    const record = recordAt(bytes, at)
    if (typeof record === 'string') throw new Error(`ledger: a write that is not whole records, at ${at}`)
    at += record.length
    if (record.type !== recordType.snapshot) continue
    const { sequence, timestampMs, samples } = headOf(record.payload)
    yield `${sequence} ${timestampMs} ${samples}\n`
  }
}

/** The complete lines of the ledger. Throws if a sequence number is used twice. */
export function readLedger(path: string): readonly Durable[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const bySequence = new Map<number, Durable>()
  for (const line of lines) {
    const [sequence = 0, timestampMs = 0, samples = 0] = line.split(' ').map(Number)
    const before = bySequence.get(sequence)
    // the same snapshot, written again after a failed sync
    if (before !== undefined && before.timestampMs !== timestampMs)
      throw new Error(`ledger: sequence number ${sequence} was used twice`)
    bySequence.set(sequence, { timestampMs, samples })
  }
  return [...bySequence.values()]
}
