import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { File, FileSystem } from '../../src/buffer/disk/filesystem.ts'
import { headerBytes, recordAt, recordType } from '../../src/buffer/segment/format.ts'
import { headOf } from '../../src/buffer/segment/snapshot-codec.ts'
import type { Durable } from './judge.ts'

/**
 * The outside ledger: a file system that writes down each snapshot once the sync behind its write has come back. It
 * looks at the bytes of the log on their way to the disk and knows nothing of who writes them.
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

/** What the ledger has by now; a line that a kill has cut is not in it. Sequence numbers used twice are thrown. */
export function readLedger(path: string): readonly Durable[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  const bySequence = new Map<number, Durable>()
  for (const line of lines) {
    const [sequence = 0, timestampMs = 0, samples = 0] = line.split(' ').map(Number)
    const before = bySequence.get(sequence)
    // written anew after a failed sync: the same snapshot
    if (before !== undefined && before.timestampMs !== timestampMs)
      throw new Error(`ledger: sequence number ${sequence} was used twice`)
    bySequence.set(sequence, { timestampMs, samples })
  }
  return [...bySequence.values()]
}
