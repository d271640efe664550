import type { EnabledCollector } from '../../collect/index.ts'
import type { Collector, ObjectList, Option, Options, RequiredField, Values } from '../../collector.ts'
import { type Filter, filterOf, ownPattern, type Pattern, userPattern } from '../../metrics/index.ts'
import type { Flag, ParsedFlags } from '../../util/flags.ts'
import { messageOf } from '../../util/log.ts'
import type { CollectorSettings, Shape } from '../schema/schema.ts'
import { durationMs } from '../schema/units.ts'

/** The flags of all collectors, with the names of node_exporter. */
export function collectorFlags(collectors: readonly Collector[]): Flag[] {
  const disable: Flag = {
    name: 'collector.disable-defaults',
    kind: 'switch',
    help: 'Disable all collectors except those with --collector.NAME.',
  }
  return [
    disable,
    ...collectors.flatMap((one) => [
      switchOf(one),
      ...Object.entries(one.options).flatMap(([key, option]) =>
        option.kind === 'objects' ? [] : [flagOf(one, key, option)],
      ),
    ]),
  ]
}

const switchOf = ({ name, enabled }: Collector): Flag => ({
  name: `collector.${name}`,
  kind: 'switch',
  help: `Enable collector ${name}. Default: ${enabled ? 'on' : 'off'}.`,
})

function flagOf(collector: Collector, key: string, option: Option): Flag {
  const { kind, help, fallback, hidden = false } = option
  const form = kind === 'boolean' ? 'switch' : kind === 'list' ? 'list' : 'value'
  const name = flagName(collector, key, option)
  return { name, kind: form, help, value: placeholders[kind], fallback: String(fallback), hidden }
}

const placeholders = {
  pattern: 'REGEX',
  boolean: 'BOOLEAN',
  text: 'TEXT',
  number: 'NUMBER',
  duration: 'DURATION',
  list: 'TEXT',
} as const satisfies Record<Option['kind'], string>

const flagName = (collector: Collector, key: string, option: Option) =>
  `collector.${option.flag ?? `${collector.name}.${key}`}`

/** Sources of collector settings. A flag takes precedence over the file. */
export interface CollectorSources {
  readonly flags: ParsedFlags
  readonly file: Shape['collectors']
  /** Environment for options with `env`. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The collectors that run, with their options. */
export async function enabledCollectors(
  all: readonly Collector[],
  context: CollectorSources,
  problems: string[],
): Promise<EnabledCollector[]> {
  const { flags, file } = context
  const noDefaults = flags.get('collector.disable-defaults') ?? file?.['disable_defaults'] ?? false
  const enabled: EnabledCollector[] = []
  for (const collector of all) {
    const settings = (file?.[collector.name] ?? {}) as CollectorSettings
    const on =
      flags.get(`collector.${collector.name}`) ?? settings.enabled ?? (noDefaults === false && collector.enabled)
    const options = await valuesOf(collector, context, problems)
    if (on !== true || options === undefined) continue
    try {
      collector.state(options)
      enabled.push({ collector, options })
    } catch (error) {
      problems.push(`collectors.${collector.name}: ${messageOf(error)}`)
    }
  }
  return enabled
}

async function valuesOf(
  collector: Collector,
  { flags, file, environment }: CollectorSources,
  problems: string[],
): Promise<Values<Options> | undefined> {
  const settings = (file?.[collector.name] ?? {}) as CollectorSettings
  const values: Record<string, unknown> = {}
  const before = problems.length
  for (const [key, option] of Object.entries(collector.options)) {
    if (option.kind === 'objects') {
      values[key] = await objectsFrom(option, settings[key], `collectors.${collector.name}.${key}`, problems)
      continue
    }
    const flag = flagName(collector, key, option)
    const given = flags.get(flag)
    const place = given === undefined ? `collectors.${collector.name}.${key}` : `--${flag}`
    try {
      values[key] = await asOption(option, given ?? settings[key] ?? (option.env && environment[option.env]))
    } catch (error) {
      problems.push(`${place}: ${messageOf(error)}`)
    }
  }
  return problems.length > before ? undefined : (values as Values<Options>) // `values` has every key of `options`
}

/** The objects of a list; the schema has checked their shape. */
async function objectsFrom({ fields }: ObjectList, given: unknown, place: string, problems: string[]) {
  const list: Readonly<Record<string, unknown>>[] = []
  for (const [i, object] of ((given ?? []) as Readonly<Record<string, unknown>>[]).entries()) {
    const values: Record<string, unknown> = {}
    for (const [key, field] of Object.entries(fields)) {
      const at = `${place}[${i}].${key}`
      try {
        values[key] =
          field.kind === 'objects'
            ? await objectsFrom(field, object[key], at, problems)
            : await asOption(field, object[key])
      } catch (error) {
        problems.push(`${at}: ${messageOf(error)}`)
      }
    }
    list.push(values)
  }
  return list
}

async function asOption({ kind, fallback }: Option | RequiredField, given: unknown): Promise<unknown> {
  const raw = given ?? fallback
  if (kind === 'pattern') return given === undefined ? ownPattern(String(raw)) : compiled(String(given))
  if (kind === 'number') return numberFrom(String(raw))
  if (kind === 'duration') return durationFrom(String(raw))
  return raw
}

async function compiled(source: string): Promise<Pattern> {
  try {
    return await userPattern(source)
  } catch (error) {
    throw new Error(`${JSON.stringify(source)} is not a regular expression in RE2 syntax: ${messageOf(error)}`)
  }
}

function numberFrom(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isNaN(value)) throw new Error(`${JSON.stringify(text)} is not a number`)
  return value
}

function durationFrom(text: string): number {
  const value = durationMs(text)
  if (value === undefined)
    throw new Error(`${JSON.stringify(text)} is not a duration, expected for example 5s or 1m30s`)
  return value
}

/** The flags of the common filter for network interfaces. */
export const interfaceFlags: readonly Flag[] = [
  {
    name: 'interfaces.include',
    kind: 'value',
    value: 'REGEX',
    help: 'Network interfaces to report, in arp, ethtool, netclass, netdev and qdisc, in addition to their own filters.',
  },
  {
    name: 'interfaces.exclude',
    kind: 'value',
    value: 'REGEX',
    help: 'Network interfaces to ignore, in the same collectors.',
  },
]

/** The common filter for network interfaces. */
export async function interfaceFilter(
  flags: ParsedFlags,
  file: Shape['interfaces'],
  problems: string[],
): Promise<Filter> {
  const patterns: (Pattern | undefined)[] = []
  for (const key of ['include', 'exclude'] as const) {
    const flag = flags.get(`interfaces.${key}`)
    const source = flag ?? file?.[key]
    try {
      patterns.push(source === undefined ? undefined : await compiled(String(source)))
    } catch (error) {
      problems.push(`${flag === undefined ? '' : '--'}interfaces.${key}: ${messageOf(error)}`)
    }
  }
  try {
    return filterOf(patterns[0], patterns[1])
  } catch (error) {
    problems.push(`interfaces: ${messageOf(error)}`)
    return () => true
  }
}
