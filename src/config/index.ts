import { statSync } from 'node:fs'
import type { BufferOptions } from '../buffer/index.ts'
import type { EnabledCollector } from '../collect/index.ts'
import type { Collector } from '../collector.ts'
import type { Filter, Labels } from '../metrics/index.ts'

import type { ConfiguredOutput, OutputKind } from '../output.ts'
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

export { durationMs } from './schema/units.ts'
export { openWebFile } from './sections/web-file.ts'

/** Everything that was configured, checked and in the units of the code. */
export interface Config {
  /** What was decided for the user and why, in words: told at the start and by `check`. */
  readonly decisions: readonly string[]
  /** What can be done as it was said, and is most likely not what was meant; or has no meaning here. */
  readonly warnings: readonly string[]
  readonly intervalMs: number
  /** `job`, `instance` and the external labels. */
  readonly identity: Labels
  readonly paths: Paths
  /** TZ and DBUS_SYSTEM_BUS_ADDRESS, as the environment has them. */
  readonly timezone: string | undefined
  readonly busAddress: string | undefined
  readonly collectors: readonly EnabledCollector[]
  /** The names of all that there are. */
  readonly allCollectors: readonly string[]
  readonly interfaces: Filter
  readonly outputs: readonly ConfiguredOutput[]
  readonly buffer: BufferOptions
  readonly web: WebOptions
  readonly log: { readonly level: Level; readonly format: Format }
  /** What a stop may take to deliver the rest, milliseconds. */
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
  /** What holds where no file is named. */
  readonly defaults?: Readonly<Record<string, unknown>>
}

/** The flags that stand for parts of the configuration. */
export const configFlags = (collectors: readonly Collector[]): readonly Flag[] => [
  { name: 'config.file', kind: 'value', help: 'The configuration (JSON); config.example.json shows one.' },
  { name: 'path.procfs', kind: 'value', fallback: '/proc', help: 'Where procfs is mounted.' },
  { name: 'path.sysfs', kind: 'value', fallback: '/sys', help: 'Where sysfs is mounted.' },
  { name: 'path.rootfs', kind: 'value', fallback: '/', help: 'Where the root file system of the host is mounted.' },
  { name: 'path.udev.data', kind: 'value', fallback: '/run/udev/data', help: "Where udev's database is." },
  {
    name: 'web.listen-address',
    kind: 'list',
    fallback: defaultListen,
    help: 'Where /metrics is served; empty means nowhere.',
  },
  {
    name: 'web.config.file',
    kind: 'value',
    help: 'TLS, passwords and headers for the web server: the YAML file that every exporter takes.',
  },
  {
    name: 'web.systemd-socket',
    kind: 'switch',
    help: 'Listen on the sockets that systemd hands down, and on no address.',
  },
  {
    name: 'runtime.gomaxprocs',
    kind: 'value',
    fallback: '1',
    help: 'Taken because node_exporter has it; here one thread collects.',
  },
  { name: 'web.telemetry-path', kind: 'value', fallback: '/metrics', help: 'The path of the metrics page.' },
  {
    name: 'web.max-requests',
    kind: 'value',
    fallback: '40',
    help: 'Requests served at once at most; 0 means any number.',
  },
  {
    name: 'web.enable-lifecycle',
    kind: 'switch',
    help: 'Read the configuration again at a POST to /-/reload, as at SIGHUP.',
  },
  { name: 'web.disable-exporter-metrics', kind: 'switch', help: "Leave the agent's own metrics out of the page." },
  { name: 'log.level', kind: 'value', fallback: 'info', help: `Least important lines to log: ${levels.join(', ')}.` },
  { name: 'log.format', kind: 'value', fallback: 'logfmt', help: `How lines are written: ${formats.join(', ')}.` },
  ...interfaceFlags,
  ...collectorFlags(collectors),
]

/** Reads and checks the whole configuration. Throws ConfigError with every problem there is. */
export async function readConfig({
  flags,
  environment,
  collectors,
  outputKinds,
  defaults = {},
}: Sources): Promise<Config> {
  const problems: string[] = []
  const warnings: string[] = []
  const path = flags.get('config.file')
  const read: Shape =
    path === undefined ? defaults : readFile(String(path), { environment, collectors, outputKinds }, problems)
  const file = { ...read, ...overridden(read, flags) }
  const paths = pathsOf(file.path, flags, problems)
  const { interval, job, decisions } = outputDefaults(file, outputKinds)
  const intervalMs = durationMs(interval) ?? 15_000
  const fqdn = JSON.stringify(file).includes('${fqdn}') ? await resolveFqdn(environment) : undefined
  const expanded = expander(paths, { fqdn: fqdn?.name ?? '', problems })
  const identity = identityOf(file, job, expanded)
  const context = { identity, expanded, intervalMs, environment, problems, warnings }
  const outputs = await outputsOf(file, outputKinds, context)
  const config: Config = {
    warnings: warnings,
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
    web: await webOf(file.web, { flags, environment }, problems),
    log: {
      level: oneOf(['log.level', flags, file.log?.level ?? 'info'], levels, problems),
      format: oneOf(['log.format', flags, file.log?.format ?? 'logfmt'], formats, problems),
    },
    flushTimeoutMs: durationMs(file.flush_timeout ?? '10s') ?? 0,
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

/** What flags say that only some commands have. */
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
    if (wrong !== undefined) problems.push(`${placeOf(`path.${name}`, flags)}: ${wrong}: ${meanings[name]}`)
  }
  return { procfs, sysfs, rootfs, udevData: of('udev.data', '/run/udev/data') }
}

const meanings: Readonly<Record<string, string>> = {
  procfs: 'this is where procfs is mounted, /proc unless in a container',
  sysfs: 'this is where sysfs is mounted, /sys unless in a container',
  rootfs: "this is where the host's / is mounted, / unless in a container",
}

function unusable(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : `${path} is not a directory`
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    return isMissing ? `${JSON.stringify(path)} is not there` : `${path} cannot be used: ${messageOf(error)}`
  }
}

/** What the user wrote: the flag, or the key of the file. */
const placeOf = (name: string, flags: ParsedFlags) => (flags.has(name) ? `--${name}` : name)

function oneOf<T extends string>(
  [name, flags, otherwise]: readonly [name: string, flags: ParsedFlags, otherwise: T],
  known: readonly T[],
  problems: string[],
): T {
  const value = flags.get(name)
  const found = known.find((one) => one === value)
  if (value !== undefined && found === undefined)
    problems.push(`--${name}: ${JSON.stringify(value)} is none of ${known.join(', ')}`)
  return found ?? otherwise
}
