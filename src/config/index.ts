import { readFileSync, statSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import * as v from 'valibot'
import type { BufferOptions } from '../buffer/index.ts'
import type { Collector } from '../collector.ts'
import type { Enabled } from '../cycle.ts'
import type { Flag, Given } from '../flags.ts'
import { type Format, formats, type Level, levels, messageOf } from '../log.ts'
import type { Labels } from '../metrics/family.ts'
import type { Filter } from '../metrics/pattern.ts'
import { nearest } from '../nearest.ts'
import type { GatewayOptions } from '../pushgateway/index.ts'
import type { EndpointOptions } from '../remote-write/index.ts'
import type { WebOptions } from '../web/index.ts'
import { bufferOf } from './buffer.ts'
import { collectorFlags, enabledCollectors, interfaceFilter, interfaceFlags } from './collectors.ts'
import { ConfigError } from './error.ts'
import { expandEnvironment } from './expand.ts'
import { expander, identityOf } from './identity.ts'
import { gatewayOf } from './pushgateway.ts'
import { wantedOf } from './relabel.ts'
import { endpointOf } from './remote-write.ts'
import { type Shape, shapeOf } from './shape.ts'
import { durationMs } from './units.ts'

/** Everything that was configured, checked and in the units of the code. */
export interface Config {
  readonly intervalMs: number
  /** `job`, `instance` and the external labels. */
  readonly identity: Labels
  readonly paths: Paths
  /** TZ and DBUS_SYSTEM_BUS_ADDRESS, as the environment has them. */
  readonly timezone: string | undefined
  readonly busAddress: string | undefined
  readonly collectors: readonly Enabled[]
  /** The names of all that there are. */
  readonly allCollectors: readonly string[]
  readonly interfaces: Filter
  readonly remoteWrite: readonly EndpointOptions[]
  readonly pushgateways: readonly GatewayOptions[]
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
  readonly flags: Given
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly collectors: readonly Collector[]
  /** What holds where no file is named. */
  readonly without?: Shape
}

const defaultListen = '127.0.0.1:9100'

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
  { name: 'web.telemetry-path', kind: 'value', fallback: '/metrics', help: 'The path of the metrics page.' },
  {
    name: 'web.max-requests',
    kind: 'value',
    fallback: '40',
    help: 'Requests served at once at most; 0 means any number.',
  },
  { name: 'web.disable-exporter-metrics', kind: 'switch', help: "Leave the agent's own metrics out of the page." },
  { name: 'log.level', kind: 'value', fallback: 'info', help: `Least important lines to log: ${levels.join(', ')}.` },
  { name: 'log.format', kind: 'value', fallback: 'logfmt', help: `How lines are written: ${formats.join(', ')}.` },
  ...interfaceFlags,
  ...collectorFlags(collectors),
]

/** Reads and checks the whole configuration. Throws ConfigError with every problem there is. */
export async function readConfig({ flags, environment, collectors, without = {} }: Sources): Promise<Config> {
  const problems: string[] = []
  const path = flags.get('config.file')
  const file = path === undefined ? without : readFile(String(path), environment, collectors)
  const flag = (name: string) => flags.get(name) as string | undefined
  const paths = {
    procfs: flag('path.procfs') ?? file.path?.procfs ?? '/proc',
    sysfs: flag('path.sysfs') ?? file.path?.sysfs ?? '/sys',
    rootfs: flag('path.rootfs') ?? file.path?.rootfs ?? '/',
    udevData: flag('path.udev.data') ?? file.path?.['udev.data'] ?? '/run/udev/data',
  }
  for (const tree of ['procfs', 'sysfs'] as const) mustBeDirectory(`path.${tree}`, paths[tree], problems)
  const blocks = file.remote_write ?? []
  const remoteWrite: EndpointOptions[] = []
  for (const [i, block] of blocks.entries())
    remoteWrite.push(
      await endpointOf(block, { place: `remote_write[${i}]`, environment, problems }, blocks.length === 1),
    )
  for (const name of repeated(remoteWrite.map((one) => one.name)))
    problems.push(`remote_write: two endpoints are called ${name}`)
  const wanted = await wantedOf(file, problems)
  const intervalMs = durationMs(file.global?.scrape_interval ?? '15s') ?? 15_000
  const expanded = expander(paths, problems)
  const identity = identityOf(file, expanded)
  const pushgateways: GatewayOptions[] = []
  for (const [i, block] of file.pushgateway?.entries() ?? []) {
    const said = { place: `pushgateway[${i}]`, environment, problems }
    pushgateways.push(await gatewayOf(block, said, { identity, expanded }, file.pushgateway?.length === 1))
  }
  for (const name of repeated(pushgateways.map((one) => one.name)))
    problems.push(`pushgateway: two gateways are called ${name}`)
  const config: Config = {
    intervalMs,
    identity,
    paths,
    timezone: environment['TZ'],
    busAddress: environment['DBUS_SYSTEM_BUS_ADDRESS'],
    allCollectors: collectors.map(({ name }) => name),
    collectors: await enabledCollectors(collectors, { flags, file: file.collectors, environment }, problems),
    interfaces: await interfaceFilter(flags, file.interfaces, problems),
    remoteWrite: remoteWrite.map((one, i) => ({ ...one, ...wanted[i], offsetMs: offsetOf(identity, intervalMs) })),
    pushgateways: pushgateways.map((one) => ({ ...one, offsetMs: offsetOf(identity, intervalMs) })),
    buffer: bufferOf(file.buffer, { environment, hasEndpoints: blocks.length > 0 }, problems),
    web: webOf(file, flags, problems),
    log: {
      level: oneOf('log.level', flag('log.level') ?? file.log?.level ?? 'info', levels, problems),
      format: oneOf('log.format', flag('log.format') ?? file.log?.format ?? 'logfmt', formats, problems),
    },
    flushTimeoutMs: durationMs(file.flush_timeout ?? '10s') ?? 0,
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

function readFile(path: string, environment: Sources['environment'], collectors: readonly Collector[]): Shape {
  const problems: string[] = []
  let raw: unknown
  try {
    raw = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ConfigError([`${path}: ${messageOf(error)}`])
  }
  const shape = shapeOf(collectors)
  const result = v.safeParse(shape, expandEnvironment(raw, environment, problems))
  for (const issue of result.issues ?? []) problems.push(problemOf(issue, shape))
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `${path}: ${problem}`))
  return result.output as unknown as Shape // checked by the very schema that Shape is inferred from
}

/** A schema's issue as one line: path, what is wrong, and for an unknown key the nearest known one. */
function problemOf(issue: v.BaseIssue<unknown>, shape: v.GenericSchema): string {
  const keys = (issue.path ?? []).map((item) => item.key as string | number)
  const path = keys.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
  if (issue.type !== 'strict_object' || issue.expected !== 'never') return `${path}: ${issue.message}`
  return `${path}: unknown key${nearest(String(keys.at(-1)), knownKeys(shape, keys.slice(0, -1)))}`
}

/** The keys that the schema knows at a path. */
function knownKeys(schema: unknown, path: readonly (string | number)[]): readonly string[] {
  let at = schema as { wrapped?: unknown; entries?: Record<string, unknown>; item?: unknown; pipe?: unknown[] }
  while (at?.wrapped !== undefined) at = at.wrapped as typeof at
  const [key, ...rest] = path
  if (key === undefined) return Object.keys(at?.entries ?? {})
  return knownKeys(typeof key === 'number' ? at?.item : at?.entries?.[key], rest)
}

function webOf(file: Shape, flags: Given, problems: string[]): WebOptions {
  const listed = flags.get('web.listen-address') ?? file.web?.listen_address
  const limit = String(flags.get('web.max-requests') ?? file.web?.max_requests ?? 40)
  if (!/^\d+$/.test(limit)) problems.push(`--web.max-requests: ${JSON.stringify(limit)} is not a whole number`)
  return {
    listenAddresses: ((listed as readonly string[] | undefined) ?? [defaultListen]).filter((address) => address !== ''),
    listenAddressesNamed: listed !== undefined,
    telemetryPath: String(flags.get('web.telemetry-path') ?? file.web?.telemetry_path ?? '/metrics'),
    maxRequests: Number(limit),
    disableExporterMetrics: Boolean(
      flags.get('web.disable-exporter-metrics') ?? file.web?.disable_exporter_metrics ?? false,
    ),
  }
}

/** A fleet collects in one moment and sends over a third of the interval, each host at its own place in it. */
function offsetOf(identity: Labels, intervalMs: number): number {
  return crc32(JSON.stringify(identity)) % Math.max(1, Math.floor(intervalMs / 3))
}

function mustBeDirectory(place: string, path: string, problems: string[]): void {
  try {
    if (!statSync(path).isDirectory()) problems.push(`${place}: ${path} is not a directory`)
  } catch (error) {
    problems.push(`${place}: ${path} cannot be used: ${messageOf(error)}`)
  }
}

function oneOf<T extends string>(place: string, value: string, known: readonly T[], problems: string[]): T {
  const found = known.find((one) => one === value)
  if (found === undefined) problems.push(`${place}: ${JSON.stringify(value)} is none of ${known.join(', ')}`)
  return found ?? (known[0] as T)
}

function repeated(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))]
}
