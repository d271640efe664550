import { posix } from 'node:path'
import { createCycle } from '../../src/collect/cycle.ts'
import type { Collector, ObjectFields, Option, Options, RequiredField, Values } from '../../src/collector.ts'
import { Dir } from '../../src/host/fs/dir.ts'
import type { Facts } from '../../src/host/fs/facts.ts'
import { createKernel, type Kernel } from '../../src/host/kernel.ts'
import type { Host } from '../../src/host/open.ts'
import { hostServices, type Services } from '../../src/host/services.ts'
import { NoKernel } from '../../src/host/syscall/ffi.ts'
import type { Statfs, StatfsAnswer } from '../../src/host/syscall/statfs.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { ownPattern, type Pattern } from '../../src/metrics/pattern.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { systemClock } from '../../src/util/clock.ts'
import { type Log, silent } from '../../src/util/log.ts'

import { type Tree, textFiles } from './tree.ts'

export interface Given {
  readonly proc?: Tree
  readonly sys?: Tree
  readonly rootfs?: Tree
  readonly udev?: Tree
  readonly statfs?: Statfs
  readonly services?: Services
  readonly facts?: Partial<Facts>
  /** The available system calls; default: none. */
  readonly kernel?: Partial<Kernel>
  /** Files at absolute paths and in the working directory. */
  readonly elsewhere?: Tree
  readonly options?: Readonly<Record<string, unknown>>
  readonly interfaces?: (name: string) => boolean
  readonly now?: number
}

/** Runs one collector on trees of text. Returns its sample lines, sorted, without the two families of the cycle. */
export async function collect(collector: Collector, given: Given = {}): Promise<string[]> {
  return (await collectAll(collector, given)).lines
}

/** As `collect`, with the logged lines and the success. */
export async function collectAll(collector: Collector, given: Given = {}) {
  return collecting(collector, given)()
}

/** One collector over several intervals: it keeps its state. Each call may change the trees. */
export function collecting(collector: Collector, first: Given = {}) {
  let trees = first
  const logged: string[] = []
  const dir: DirOf = (kind, path = '') => {
    const files = () => textFiles(trees[kind] ?? {})
    return new Dir(
      {
        read: (...a) => files().read(...a),
        readRegular: (...a) => files().readRegular(...a),
        list: (p) => files().list(p),
        status: (p) => files().status(p),
        link: (p) => files().link(p),
        real: (p) => files().real(p),
        endCycle() {},
        close() {},
      },
      path,
    )
  }
  const builder = new SnapshotBuilder(new SeriesTable())
  const cycle = createCycle({
    host: hostOf(dir, first),
    enabled: [{ collector, options: valuesOf(collector.options, first.options) }],
    interfaces: first.interfaces ?? (() => true),
    builder,
    clock: systemClock,
    log: recording(logged),
    deadlineMs: 5000,
    selfMetrics: () => {},
  })
  return async (next: Given = trees) => {
    trees = next
    const { snapshot } = await cycle(next.now ?? 0)
    const all = textOf(snapshot)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    const success = all.some((line) => line.startsWith('node_scrape_collector_success') && line.endsWith(' 1'))
    return {
      lines: all.filter((line) => !line.startsWith('node_scrape_collector_')),
      success,
      logged: [...logged],
      snapshot,
    }
  }
}

/** A directory in one of the host's trees or elsewhere. */
export type DirOf = (tree: 'proc' | 'sys' | 'rootfs' | 'udev' | 'elsewhere', path?: string) => Dir

/** A host that has only what the scene lists. */
export const hostOf = (dir: DirOf, given: Given = {}): Host => ({
  proc: dir('proc'),
  sys: dir('sys'),
  rootfs: dir('rootfs'),
  udev: dir('udev'),
  statfs: given.statfs ?? answers({}),
  remote: { remotePaths: () => () => false, read: async () => new Map() },
  services: given.services ?? hostServices('unix:path=/nonexistent/bus'),
  facts: { ...someFacts, ...given.facts },
  kernel: { ...noKernel, ...given.kernel },
  dirAt: (path) => dir('elsewhere', posix.normalize(path)),
})

const someFacts: Facts = {
  timezone: undefined,
  uname: () => ({ sysname: 'Linux', nodename: 'host', release: '6.1.0', version: '#1 SMP', machine: 'x86_64' }),
  addresses: () => [],
}

/** Answers of statfs by path; a path without an answer is an error. */
export function answers(byPath: Readonly<Record<string, StatfsAnswer>>, problem?: string): Statfs {
  const here = (path: string) => byPath[path] ?? { error: 'no such file or directory' }
  return {
    here,
    async *apart(paths) {
      for (const path of paths) yield [path, here(path)] as const
    },
    problem,
  }
}

/** The options of a collector: `set`, and defaults for the others. */
export function valuesOf(options: ObjectFields, set: Readonly<Record<string, unknown>> = {}): Values<Options> {
  const values = Object.entries(options).map(([key, option]) => {
    if (option.kind !== 'objects') return [key, key in set ? given(option, set[key]) : fallback(option)]
    const objects = (set[key] ?? []) as Readonly<Record<string, unknown>>[]
    return [key, objects.map((one) => valuesOf(option.fields, one))]
  })
  return Object.fromEntries(values) as Values<Options>
}

function fallback({ kind, fallback }: Option | RequiredField): unknown {
  if (kind === 'pattern') return ownPattern(String(fallback))
  if (kind === 'duration') return milliseconds(String(fallback))
  return kind === 'number' ? Number(fallback) : fallback
}

function given({ kind }: Option | RequiredField, value: unknown): unknown {
  return kind === 'pattern' ? ({ ...ownPattern(String(value)), isDefault: false } satisfies Pattern) : value
}

function milliseconds(text: string): number {
  const [, digits = '', unit = 's'] = /^([\d.]+)(ms|s|m|h)$/.exec(text) ?? []
  return Number(digits) * { ms: 1, s: 1e3, m: 6e4, h: 3.6e6 }[unit as 'ms' | 's' | 'm' | 'h']
}

function recording(into: string[]): Log {
  const at =
    (level: string) =>
    (message: string, fields: object = {}) => {
      into.push(`${level} ${message} ${JSON.stringify(fields)}`)
    }
  return { ...silent, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const noKernel = createKernel(() => Promise.reject(new NoKernel('no system calls on this host')))
