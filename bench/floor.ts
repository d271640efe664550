import { execFileSync } from 'node:child_process'
import { Dir } from '../src/host/fs/dir.ts'
import { diskFiles, type FileReader } from '../src/host/fs/files.ts'
import { configOf, cycleOf, hostOf } from './agent.ts'
import type { Bench, Context } from './bench.ts'
import { inChild, program } from './processes.ts'
import { type Cost, measureCost, runRounds } from './rounds.ts'
import { median, table } from './table.ts'

/** The file operations of one interval, in order. `limit` is the number of bytes read; without it the whole file. */
interface FileOperations {
  readonly reads: readonly (readonly [path: string, limit?: number])[]
  readonly missing: readonly string[]
  readonly lists: readonly string[]
  readonly others: readonly (readonly [call: string, path: string])[]
}

interface Measurement extends FileOperations {
  readonly readingUs: number
  readonly missingUs: number
  readonly collectUs: number
}

export default {
  name: 'floor',
  title: 'Cost of reading files, compared with C',
  async run({ quick, folder, say }: Context) {
    const [rounds, gapMs] = quick ? [20, 50] : [200, 100]
    execFileSync(program('cc'), ['-O2', '-o', `${folder}/floor`, `${import.meta.dirname}/floor.c`])
    say(`${rounds} rounds`)
    const ours = await inChild<Measurement>(import.meta.filename, [rounds, gapMs])
    const c = (how: 'open' | 'keep', paths: readonly string[]) => {
      const input = paths.map((path) => `${path}\n`).join('')
      const args = [how, String(rounds), String(gapMs)]
      return Number(execFileSync(`${folder}/floor`, args, { input, encoding: 'utf8' }))
    }
    const paths = ours.reads.map(([path]) => path)
    const perFile = (us: number, files: number) => (files === 0 ? 0 : us / files)
    const rows = [
      ['files read', paths.length, 'C: open, read, close', c('open', paths)],
      ['', paths.length, 'C: kept open, read', c('keep', paths)],
      ['', paths.length, 'hostpush', ours.readingUs],
      ['missing files', ours.missing.length, 'C: open', c('open', ours.missing)],
      ['', ours.missing.length, 'hostpush', ours.missingUs],
    ] as const
    const calls = Object.entries(Object.groupBy(ours.others, ([call]) => call))
    const more = [
      `${ours.lists.length} directories listed`,
      ...calls.map(([call, all = []]) => `${all.length} times ${call}`),
    ]
    return [
      `The files that the default collectors read in one interval on this host, each group alone: CPU µs, median of ${rounds}`,
      `rounds that are ${gapMs} ms apart. Not included: ${more.join(', ')}.\n`,
      table(
        ['', 'files', 'how', 'µs', 'µs a file'],
        rows.map(([what, files, how, us]) => [what, files, how, us, perFile(us, files)]),
      ),
      `A whole collection in the same process: ${ours.collectUs.toFixed(0)} µs.\n`,
    ].join('\n')
  },
} satisfies Bench

/** Records the operations on the files. */
function recordingReader(
  files: FileReader,
  into: { -readonly [Key in keyof FileOperations]: FileOperations[Key][number][] },
): FileReader {
  const other =
    <T>(call: string, ask: (path: string | Buffer) => T) =>
    (path: string | Buffer) => {
      into.others.push([call, String(path)])
      return ask(path)
    }
  return {
    read(path, limit) {
      try {
        const text = files.read(path, limit)
        into.reads.push(limit === undefined ? [String(path)] : [String(path), limit])
        return text
      } catch (error) {
        into.missing.push(String(path))
        throw error
      }
    },
    readRegular(path, maxBytes) {
      into.reads.push([String(path)])
      return files.readRegular(path, maxBytes)
    },
    list(path) {
      into.lists.push(String(path))
      return files.list(path)
    },
    status: other('status', files.status.bind(files)),
    link: other('link', files.link.bind(files)),
    real: other('real', files.real.bind(files)),
    endCycle: () => files.endCycle(),
    close: () => files.close(),
  }
}

async function measure(rounds: number, gapMs: number): Promise<Measurement> {
  const config = await configOf([])
  const host = hostOf(config)
  const operations = { reads: [], missing: [], lists: [], others: [] }
  const recordedDir = (root: string) => new Dir(recordingReader(diskFiles(root), operations), root)
  const recordedHost = {
    ...host,
    proc: recordedDir('/proc'),
    sys: recordedDir('/sys'),
    rootfs: recordedDir('/'),
    udev: recordedDir('/run/udev/data'),
  }
  await cycleOf(config, recordedHost, config.collectors)(Date.now())
  const { reads, missing } = operations as FileOperations
  const roots = ['/proc', '/sys', '/'].map((root) => [root, diskFiles(root)] as const)
  const of = (path: string) => roots.find(([root]) => path.startsWith(root))?.[1] as FileReader
  const costs = { reading: [] as Cost[], missing: [] as Cost[], collect: [] as Cost[] }
  const cycle = cycleOf(config, host, config.collectors)
  await runRounds(rounds, gapMs, async (counts) => {
    await measureCost(counts ? costs.reading : [], () => {
      for (const [path, limit] of reads) of(path).read(path, limit)
    })
  })
  await runRounds(rounds, gapMs, async (counts) => {
    await measureCost(counts ? costs.missing : [], () => {
      for (const path of missing) readMissing(of(path), path)
    })
  })
  await runRounds(rounds, gapMs, async (counts) => {
    await measureCost(counts ? costs.collect : [], () => cycle(Date.now()))
    for (const [, files] of roots) files.endCycle()
  })
  const us = (all: readonly Cost[]) => median(all.map((one) => one.cpuMs)) * 1000
  return { ...operations, readingUs: us(costs.reading), missingUs: us(costs.missing), collectUs: us(costs.collect) }
}

function readMissing(files: FileReader, path: string): void {
  try {
    files.read(path)
  } catch {
    // the failure is what this measures
  }
}

if (import.meta.main) {
  const [rounds, gapMs] = process.argv.slice(2)
  process.stdout.write(JSON.stringify(await measure(Number(rounds), Number(gapMs))))
  process.exit(0)
}
