import { statSync } from 'node:fs'
import type { BufferOptions } from '../buffer/index.ts'
import type { EnabledCollector } from '../collect/index.ts'
import type { Collector } from '../collector.ts'
import { ConfiguredFiles } from '../host/index.ts'
import type { Filter, Labels } from '../metrics/index.ts'

import type { ConfiguredOutput, OutputKind } from '../output.ts'
import { systemClock } from '../util/clock.ts'
import type { Flag, ParsedFlags } from '../util/flags.ts'
import { type Format, formats, type Level, levels, messageOf } from '../util/log.ts'
import type { WebOptions } from '../web/index.ts'
import { ConfigError } from './error.ts'
import { readFile } from './file/load.ts'
import type { Shape } from './schema/schema.ts'
import { durationMs } from './schema/units.ts'
import { bufferOf } from './sections/buffer.ts'
import { collectorFlags, enabledCollectors, interfaceFilter, interfaceFlags } from './sections/collectors.ts'
import { expander, identityOf, resolveFqdn } from './sections/identity.ts'
import { outputDefaults } from './sections/output-defaults.ts'
import { outputsOf } from './sections/outputs.ts'
import { defaultListen, webOf } from './sections/web.ts'

export { exposedSecrets } from './file/exposure.ts'
export { durationMs } from './schema/units.ts'
export { offsetOf } from './sections/interval.ts'
export { openWebFile } from './sections/web-file.ts'

/** The whole configuration: checked, with milliseconds and bytes as numbers. */
export interface Config {
  /** Defaults that depend on the configuration, each with its reason. The agent logs them at the start, `check` prints them. */
  readonly decisions: readonly string[]
  /** Values that are valid but probably a mistake, or that have no effect. */
  readonly warnings: readonly string[]
  readonly intervalMs: number
  /** `job`, `instance` and the external labels. */
  readonly identity: Labels
  readonly paths: Paths
  /** TZ and DBUS_SYSTEM_BUS_ADDRESS of the environment. */
  readonly timezone: string | undefined
  readonly busAddress: string | undefined
  readonly collectors: readonly EnabledCollector[]
  /** The names of all collectors, also of disabled ones. */
  readonly allCollectors: readonly string[]
  readonly interfaces: Filter
  readonly outputs: readonly ConfiguredOutput[]
  readonly buffer: BufferOptions
  readonly web: WebOptions
  /** The reader of the files that the configuration names. */
  readonly files: ConfiguredFiles
  readonly log: { readonly level: Level; readonly format: Format }
  /** Maximum time to flush the backlog on shutdown, milliseconds. */
  readonly flushTimeoutMs: number
}

export interface Paths {
  readonly procfs: string
  readonly sysfs: string
  readonly rootfs: string
  readonly udevData: string
}

export interface Sources {
  readonly flags: ParsedFlags
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly collectors: readonly Collector[]
  readonly outputKinds: readonly OutputKind[]
  /** Reads the files that the configuration names; default: another reader. */
  readonly files?: ConfiguredFiles
  /** The configuration without a file. */
  readonly defaults?: Readonly<Record<string, unknown>>
}

/** The flags that set parts of the configuration. */
export const configFlags = (collectors: readonly Collector[]): readonly Flag[] => [
  {
    name: 'config.file',
    kind: 'value',
    value: 'FILE',
    help: 'Configuration file (JSON), for example config.example.json.',
  },
  { name: 'path.procfs', kind: 'value', value: 'DIR', fallback: '/proc', help: 'Mount point of procfs.' },
  { name: 'path.sysfs', kind: 'value', value: 'DIR', fallback: '/sys', help: 'Mount point of sysfs.' },
  {
    name: 'path.rootfs',
    kind: 'value',
    value: 'DIR',
    fallback: '/',
    help: 'Mount point of the root file system of the host.',
  },
  {
    name: 'path.udev.data',
    kind: 'value',
    value: 'DIR',
    fallback: '/run/udev/data',
    help: 'Directory of the udev database.',
  },
  {
    name: 'web.listen-address',
    kind: 'list',
    value: 'HOST:PORT',
    fallback: defaultListen,
    help: 'Address of /metrics and the status page. An empty value disables the web server.',
  },
  {
    name: 'web.config.file',
    kind: 'value',
    value: 'FILE',
    help: 'TLS, passwords and headers of the web server: the YAML file of the exporter toolkit.',
  },
  {
    name: 'web.systemd-socket',
    kind: 'switch',
    help: 'Listen only on the sockets that systemd passes (LISTEN_FDS).',
  },
  {
    name: 'runtime.gomaxprocs',
    kind: 'value',
    value: 'COUNT',
    fallback: '1',
    help: 'No effect: hostpush collects in one thread. For compatibility with node_exporter.',
  },
  { name: 'web.telemetry-path', kind: 'value', value: 'PATH', fallback: '/metrics', help: 'Path of the metrics.' },
  {
    name: 'web.max-requests',
    kind: 'value',
    value: 'COUNT',
    fallback: '40',
    help: 'Maximum number of concurrent requests to the web server. 0 means no limit.',
  },
  {
    name: 'web.enable-lifecycle',
    kind: 'switch',
    help: 'Reload the configuration on POST /-/reload, as on SIGHUP.',
  },
  { name: 'web.disable-exporter-metrics', kind: 'switch', help: 'Do not serve the metrics of the agent itself.' },
  {
    name: 'log.level',
    kind: 'value',
    value: 'LEVEL',
    fallback: 'info',
    help: `Lowest level to log: ${levels.join(', ')}.`,
  },
  {
    name: 'log.format',
    kind: 'value',
    value: 'FORMAT',
    fallback: 'logfmt',
    help: `Format of log lines: ${formats.join(' or ')}.`,
  },
  ...interfaceFlags,
  ...collectorFlags(collectors),
]

/** Reads and checks the whole configuration. Throws ConfigError with every problem. */
export async function readConfig({
  flags,
  environment,
  collectors,
  outputKinds,
  files = new ConfiguredFiles({ clock: systemClock }),
  defaults = {},
}: Sources): Promise<Config> {
  const problems: string[] = []
  const warnings: string[] = []
  const fileProblems: string[] = []
  const path = flags.get('config.file')
  const read: Shape =
    path === undefined
      ? defaults
      : await readFile(String(path), { environment, files, collectors, outputKinds }, fileProblems)
  const file = { ...read, ...overridden(read, flags) }
  const paths = pathsOf(file.path, flags, problems)
  const { interval, job, decisions } = outputDefaults(file, outputKinds)
  const intervalMs = durationMs(interval) ?? 15_000
  const fqdn = JSON.stringify(file).includes('${fqdn}') ? await resolveFqdn(environment) : undefined
  const expanded = expander(paths, { fqdn: fqdn?.name ?? '', problems })
  const identity = identityOf(file, job, expanded)
  const context = { identity, expanded, intervalMs, files, environment, problems, warnings }
  const outputs = await outputsOf(file, outputKinds, context)
  const config: Config = {
    warnings,
    decisions: fqdn?.note === undefined ? decisions : [...decisions, fqdn.note],
    intervalMs,
    identity,
    paths,
    timezone: environment['TZ'],
    busAddress: environment['DBUS_SYSTEM_BUS_ADDRESS'],
    allCollectors: collectors.map(({ name }) => name),
    collectors: await enabledCollectors(collectors, { flags, file: file.collectors, environment }, problems),
    interfaces: await interfaceFilter(flags, file.interfaces, problems),
    outputs,
    buffer: bufferOf(file.buffer, outputs, environment, problems),
    web: await webOf(file.web, { flags, environment, files }, problems),
    files,
    log: {
      level: oneOf(['log.level', flags, file.log?.level ?? 'info'], levels, problems),
      format: oneOf(['log.format', flags, file.log?.format ?? 'logfmt'], formats, problems),
    },
    flushTimeoutMs: durationMs(file.flush_timeout ?? '10s') ?? 0,
  }
  const all = [...fileProblems, ...problems.map((problem) => withFile(path, problem))]
  if (all.length > 0) throw new ConfigError(all)
  return Object.freeze(config)
}

/** A problem of a key names the file, a problem of a flag does not. */
const withFile = (path: unknown, problem: string): string =>
  path === undefined || problem.startsWith('--') ? problem : `${String(path)}: ${problem}`

/** Values of flags that only some commands have. */
const overridden = ({ global }: Shape, flags: ParsedFlags): Shape => ({
  ...(flags.has('instance') && { instance: String(flags.get('instance')) }),
  ...(flags.has('interval') && { global: { ...global, scrape_interval: String(flags.get('interval')) } }),
})

function pathsOf(file: Shape['path'], flags: ParsedFlags, problems: string[]): Paths {
  const of = (name: keyof NonNullable<Shape['path']>, fallback: string) =>
    String(flags.get(`path.${name}`) ?? file?.[name] ?? fallback)
  const procfs = of('procfs', '/proc')
  const sysfs = of('sysfs', '/sys')
  const rootfs = of('rootfs', '/')
  for (const [name, path] of Object.entries({ procfs, sysfs, rootfs })) {
    const wrong = unusable(path)
    if (wrong !== undefined) problems.push(`${placeOf(`path.${name}`, flags)}: ${wrong}, ${expectations[name]}`)
  }
  return { procfs, sysfs, rootfs, udevData: of('udev.data', '/run/udev/data') }
}

const expectations: Readonly<Record<string, string>> = {
  procfs: 'expected the mount point of procfs (/proc, except in a container)',
  sysfs: 'expected the mount point of sysfs (/sys, except in a container)',
  rootfs: 'expected the mount point of the root file system of the host (/, except in a container)',
}

function unusable(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : `${path} is not a directory`
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return isMissing ? `${JSON.stringify(path)} does not exist` : `${path} cannot be read: ${messageOf(error)}`
  }
}

/** The place of a value: the flag, or the key of the file. */
const placeOf = (name: string, flags: ParsedFlags) => (flags.has(name) ? `--${name}` : name)

function oneOf<T extends string>(
  [name, flags, otherwise]: readonly [name: string, flags: ParsedFlags, otherwise: T],
  known: readonly T[],
  problems: string[],
): T {
  const value = flags.get(name)
  const found = known.find((one) => one === value)
  if (value !== undefined && found === undefined)
    problems.push(`--${name}: ${JSON.stringify(value)} is unknown, expected one of ${known.join(', ')}`)
  return found ?? otherwise
}
