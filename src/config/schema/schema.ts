import * as v from 'valibot'
import type { Collector, ObjectFields, ObjectList, Option, RequiredField } from '../../collector.ts'
import { extents } from '../../relabel/allowlists.ts'
import { actions } from '../../relabel/rule.ts'
import { compressions } from '../../remote-write/encode/compression.ts'
import { inlineKinds, protobufMessages } from '../../remote-write/encode/messages.ts'
import { formats, levels } from '../../util/log.ts'
import { presetNames } from './presets.ts'
import { metadataWords, queueWords, remoteWriteWords } from './prometheus-keys.ts'
import { target } from './target.ts'
import { durationMs, sizeBytes } from './units.ts'
import { count, duration, filled, flag, positive, size, text, textOrNumber } from './values.ts'

/** The configuration file, in Prometheus's words where Prometheus has one. Texts become numbers in `read.ts`. */

const labelName = v.pipe(
  text,
  v.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'a label name consists of letters, digits and _, and begins with no digit'),
  v.check((name) => name !== '__name__', '__name__ is the name of the metric itself'),
)
const labels = v.record(labelName, textOrNumber)

const relabelConfig = v.strictObject({
  source_labels: v.optional(v.array(text, 'a list of label names is expected')),
  separator: v.optional(text),
  regex: v.optional(text),
  modulus: v.optional(v.pipe(count, v.maxValue(Number.MAX_SAFE_INTEGER, 'a number below 2^53 is expected'))),
  target_label: v.optional(text),
  replacement: v.optional(text),
  action: v.optional(v.picklist(actions, `one of ${actions.join(', ')} is expected`)),
})
const relabelConfigs = v.array(relabelConfig, 'a list of rules is expected')

const remoteWrite = v.strictObject({
  ...target,
  preset: v.optional(v.picklist(presetNames, `one of ${presetNames.join(', ')} is expected`)),
  remote_timeout: v.optional(positive),
  interval: v.optional(positive),
  send_interval: v.optional(positive),
  queue_config: v.optional(
    v.strictObject({
      max_samples_per_send: v.optional(v.pipe(count, v.minValue(1, 'a number from 1 up is expected'))),
      min_backoff: v.optional(positive),
      max_backoff: v.optional(positive),
      sample_age_limit: v.optional(duration),
      pacing: v.optional(v.picklist(['on', 'off'], 'on or off is expected')),
      ...queueWords,
    }),
  ),
  metrics: v.optional(v.picklist(extents, `one of ${extents.join(', ')} is expected`)),
  write_relabel_configs: v.optional(relabelConfigs),
  label_limit: v.optional(count),
  label_name_length_limit: v.optional(count),
  label_value_length_limit: v.optional(count),
  compression: v.optional(v.picklist(compressions, `one of ${compressions.join(', ')} is expected`)),
  protobuf_message: v.optional(v.picklist(protobufMessages, `one of ${protobufMessages.join(', ')} is expected`)),
  metadata_config: v.optional(
    v.strictObject({
      send: v.optional(flag),
      send_interval: v.optional(positive),
      inline: v.optional(v.picklist(inlineKinds, `one of ${inlineKinds.join(', ')} is expected`)),
      ...metadataWords,
    }),
  ),
  ...remoteWriteWords,
})

export type RemoteWriteShape = v.InferOutput<typeof remoteWrite>

const pushgateway = v.strictObject({
  ...target,
  job: v.optional(filled),
  grouping_key: v.optional(labels),
  method: v.optional(v.picklist(['PUT', 'POST'], '"PUT" or "POST" is expected')),
  interval: v.optional(positive),
  timeout: v.optional(positive),
  delete_on_start: v.optional(flag),
  delete_on_shutdown: v.optional(flag),
})

export type PushgatewayShape = v.InferOutput<typeof pushgateway>

const syncWords = '"always", "never" or a duration such as "1m" is expected'

const buffer = v.strictObject({
  directory: v.optional(filled),
  mode: v.optional(v.picklist(['disk', 'memory'], '"disk" or "memory" is expected')),
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
      v.check((text) => (sizeBytes(text) ?? 0) >= 1 << 20, 'at least "1MiB" is expected: a snapshot may take 100 KiB'),
    ),
  ),
  max_age: v.optional(positive),
  min_free: v.optional(
    v.pipe(
      v.string('a size such as "64MiB" is expected, or "0"'),
      v.check((text) => sizeBytes(text) !== undefined, 'a size such as "64MiB" is expected, or "0"'),
    ),
  ),
})

const web = v.strictObject({
  listen_address: v.optional(v.array(text, 'a list of addresses is expected; an empty list means no web server')),
  config_file: v.optional(filled),
  telemetry_path: v.optional(v.pipe(text, v.startsWith('/', 'a path that begins with / is expected'))),
  max_requests: v.optional(count),
  disable_exporter_metrics: v.optional(flag),
  enable_lifecycle: v.optional(flag),
})

/** How a collector's option stands in the file. */
const optionShapes = {
  pattern: text,
  boolean: flag,
  text,
  number: v.number('a number is expected'),
  duration,
  list: v.array(text, 'a list of texts is expected'),
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
    ? v.array(v.strictObject(fieldShapes(field.fields)), 'a list of objects is expected')
    : optionShapes[field.kind]

/** The whole file, for the collectors that there are. */
export function shapeOf(collectors: readonly Collector[]) {
  const each = Object.fromEntries(collectors.map((one) => [one.name, collectorShape(one)]))
  return v.strictObject({
    $schema: v.optional(text),
    global: v.optional(
      v.strictObject({
        scrape_interval: v.optional(positive),
        external_labels: v.optional(labels),
        metric_name_validation_scheme: v.optional(v.picklist(['legacy', 'utf8'], 'legacy or utf8 is expected')),
      }),
    ),
    job: v.optional(text),
    instance: v.optional(text),
    write_relabel_configs: v.optional(relabelConfigs),
    remote_write: v.optional(v.array(remoteWrite, 'a list of endpoints is expected')),
    pushgateway: v.optional(v.array(pushgateway, 'a list of gateways is expected')),
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
        level: v.optional(v.picklist(levels, `one of ${levels.join(', ')} is expected`)),
        format: v.optional(v.picklist(formats, `one of ${formats.join(', ')} is expected`)),
      }),
    ),
    flush_timeout: v.optional(duration),
  })
}

export type Shape = Omit<v.InferOutput<ReturnType<typeof shapeOf>>, 'collectors'> & {
  readonly collectors?: Readonly<Record<string, CollectorSettings | boolean | undefined>> | undefined
}

export interface CollectorSettings {
  readonly enabled?: boolean
  readonly [option: string]: unknown
}
