import { readSync, writeSync } from 'node:fs'
import { HardwareHelper } from '../../collect/hardware/helper.ts'
import type { Collector } from '../../collector.ts'

/**
 * The helper process: answers lines from standard input until it is closed. It waits in read(2), not in the event loop: it
 * has nothing else to do, SIGTERM of a service manager to all processes does not end it, and no stream is loaded. Its imports
 * count: they are most of its memory (see scripts/build.ts).
 */
export async function serveHardware(collectors: readonly Collector[]): Promise<number> {
  Error.stackTraceLimit = 0
  const helper = new HardwareHelper(collectors, writeAll)
  for (const line of linesOf(0)) await helper.handle(line)
  helper.close()
  return 0
}

function writeAll(text: string): void {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written)
}

function* linesOf(fd: number): Generator<string> {
  const chunk = Buffer.alloc(4096)
  let rest = ''
  for (let length = readSync(fd, chunk); length > 0; length = readSync(fd, chunk)) {
    const lines = (rest + chunk.toString('latin1', 0, length)).split('\n')
    rest = lines.pop() ?? ''
    // latin1 keeps a character with bytes in two chunks
    for (const line of lines) yield Buffer.from(line, 'latin1').toString()
  }
}
