import * as v from 'valibot'
import type { Collector, ObjectFields, ObjectList, Option, RequiredField } from '../../collector.ts'
import type { OutputKind } from '../../output.ts'
import { formats, levels } from '../../util/log.ts'
import { durationMs, sizeBytes } from './units.ts'
import { count, duration, filled, flag, labels, positive, size, text } from './values.ts'

/** The configuration file. Keys are those of Prometheus where it has one. `sections/` converts texts to numbers. */

const syncWords = 'expected "always", "never" or a duration such as "1m"'

const sizeOrZero = v.pipe(
  v.string('expected a size such as "64MiB", or "0"'),
  v.check((text) => sizeBytes(text) !== undefined, 'expected a size such as "64MiB", or "0"'),
)

const buffer = v.strictObject({
  directory: v.optional(filled),
  mode: v.optional(v.picklist(['disk', 'memory'], 'expected "disk" or "memory"')),
  sync: v.optional(
    v.union(
      [
        v.picklist(['always', 'never'], syncWords),
        v.pipe(
          v.string(syncWords),
          v.check((text) => (durationMs(text) ?? 0) > 0, syncWords),
        ),
      ],
      syncWords,
    ),
  ),
  max_bytes: v.optional(
    v.pipe(
      size,
      v.check((text) => (sizeBytes(text) ?? 0) >= 1 << 20, 'expected at least "1MiB" (a snapshot can need 100 KiB)'),
    ),
  ),
  max_age: v.optional(positive),
  min_free: v.optional(sizeOrZero),
  keep: v.optional(v.strictObject({ max_age: v.optional(positive), max_bytes: v.optional(sizeOrZero) })),
})

const web = v.strictObject({
  listen_address: v.optional(v.array(text, 'expected a list of addresses (an empty list disables the web server)')),
  config_file: v.optional(filled),
  telemetry_path: v.optional(v.pipe(text, v.startsWith('/', 'expected a path that begins with /'))),
  max_requests: v.optional(count),
  disable_exporter_metrics: v.optional(flag),
  enable_lifecycle: v.optional(flag),
})

/** Schemas of collector options, by kind. */
const optionShapes = {
  pattern: text,
  boolean: flag,
  text,
  number: v.number('expected a number'),
  duration,
  list: v.array(text, 'expected a list of texts'),
}

function collectorShape({ options }: Collector) {
  return v.optional(v.strictObject({ enabled: v.optional(flag), ...fieldShapes(options) }))
}

function fieldShapes(fields: ObjectFields): Record<string, v.GenericSchema<unknown>> {
  const isRequired = (field: ObjectFields[string]) => field.kind !== 'objects' && field.fallback === undefined
  const entries = Object.entries(fields).map(([key, field]) => {
    const shape = fieldShape(field)
    return [key, isRequired(field) ? shape : v.optional(shape)] as const
  })
  return Object.fromEntries(entries)
}

const fieldShape = (field: Option | RequiredField | ObjectList): v.GenericSchema<unknown> =>
  field.kind === 'objects'
    ? v.array(v.strictObject(fieldShapes(field.fields)), 'expected a list of objects')
    : optionShapes[field.kind]

/** The registries that define keys of the file. */
export interface Registries {
  readonly collectors: readonly Collector[]
  readonly outputKinds: readonly OutputKind[]
}

/** The schema of the whole file, for these collectors and kinds of output. */
export function shapeOf({ collectors, outputKinds }: Registries) {
  const each = Object.fromEntries(collectors.map((one) => [one.name, collectorShape(one)]))
  return v.strictObject({
    $schema: v.optional(text),
    global: v.optional(
      v.strictObject({
        scrape_interval: v.optional(positive),
        external_labels: v.optional(labels),
        metric_name_validation_scheme: v.optional(v.picklist(['legacy', 'utf8'], 'expected legacy or utf8')),
      }),
    ),
    job: v.optional(text),
    instance: v.optional(text),
    ...Object.fromEntries(outputKinds.flatMap(outputEntries)),
    buffer: v.optional(buffer),
    web: v.optional(web),
    collectors: v.optional(v.strictObject({ ...each, disable_defaults: v.optional(flag) })),
    interfaces: v.optional(v.strictObject({ include: v.optional(text), exclude: v.optional(text) })),
    path: v.optional(
      v.strictObject({
        procfs: v.optional(filled),
        sysfs: v.optional(filled),
        rootfs: v.optional(filled),
        'udev.data': v.optional(filled),
      }),
    ),
    log: v.optional(
      v.strictObject({
        level: v.optional(v.picklist(levels, `expected one of ${levels.join(', ')}`)),
        format: v.optional(v.picklist(formats, `expected one of ${formats.join(', ')}`)),
      }),
    ),
    flush_timeout: v.optional(duration),
  })
}

/** The top-level keys of a kind of output: its global keys, and the list of its blocks. */
const outputEntries = ({ kind, schema, globals = {} }: OutputKind): readonly (readonly [string, v.GenericSchema])[] => [
  ...Object.entries(globals).map(([key, global]) => [key, v.optional(global)] as const),
  [kind, v.optional(v.array(schema, 'expected a list of blocks'))],
]

/** The keys that every output block has. */
export interface OutputBlock {
  readonly name?: string
  readonly url: string
  readonly interval?: string
}

/** The blocks of a kind of output in a file. */
export const blocksOf = (file: Shape, { kind }: Pick<OutputKind, 'kind'>): readonly OutputBlock[] =>
  (file as Readonly<Record<string, readonly OutputBlock[] | undefined>>)[kind] ?? []

export type Shape = Omit<v.InferOutput<ReturnType<typeof shapeOf>>, 'collectors'> & {
  readonly collectors?: Readonly<Record<string, CollectorSettings | boolean | undefined>> | undefined
}

export interface CollectorSettings {
  readonly enabled?: boolean
  readonly [option: string]: unknown
}
