import * as v from 'valibot'
import type { Collector, Option } from '../collector.ts'
import { formats, levels } from '../log.ts'
import { extents } from '../relabel/keep-lists.ts'
import { actions } from '../relabel/rule.ts'
import { durationMs, sizeBytes } from './units.ts'

/** The configuration file, in Prometheus's words where Prometheus has one. Texts become numbers in `read.ts`. */

const duration = v.pipe(
  v.string('a duration such as "15s" or "1m30s" is expected'),
  v.check((text) => durationMs(text) !== undefined, 'a duration such as "15s" or "1m30s" is expected'),
)
const positive = v.pipe(
  duration,
  v.check((text) => durationMs(text) !== 0, 'a duration above 0 is expected'),
)
const size = v.pipe(
  v.string('a size such as "512MiB" is expected'),
  v.check((text) => (sizeBytes(text) ?? 0) > 0, 'a size such as "512MiB" is expected'),
)
const text = v.string('a text is expected')
const filled = v.pipe(text, v.nonEmpty('a text that is not empty is expected'))
const flag = v.boolean('true or false is expected')
const count = v.pipe(
  v.number('a whole number is expected'),
  v.integer('a whole number is expected'),
  v.minValue(0, 'a number from 0 up is expected'),
)
const labelName = v.pipe(
  v.string(),
  v.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'a label name consists of letters, digits and _, and begins with no digit'),
)
const labels = v.record(labelName, text)

/** Headers that are the protocol's own or an auth section's: Prometheus refuses the same ones. */
const reservedHeaders = new Set(
  `authorization host content-encoding content-length content-type user-agent connection keep-alive proxy-authenticate
   proxy-authorization www-authenticate accept-encoding x-prometheus-remote-write-version
   x-prometheus-remote-read-version x-amz-date x-amz-security-token x-amz-content-sha256 retry-attempt`.split(/\s+/),
)
const headers = v.record(
  v.pipe(
    v.string(),
    v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a header name is expected'),
    v.check(
      (name) => !reservedHeaders.has(name.toLowerCase()),
      'this header is set by hostpush itself (for credentials use basic_auth or authorization)',
    ),
  ),
  v.pipe(text, v.regex(/^[^\r\n\0]*$/, 'a header value must be one line')),
)

const url = v.pipe(
  text,
  v.check((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ''), 'an http:// or https:// URL is expected'),
)

const basicAuth = v.strictObject({
  username: v.optional(text),
  username_file: v.optional(filled),
  password: v.optional(text),
  password_file: v.optional(filled),
})

const authorization = v.strictObject({
  type: v.optional(filled),
  credentials: v.optional(text),
  credentials_file: v.optional(filled),
})

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

/** Where an output sends to, and as whom: the same keys for all of them. */
const target = {
  url,
  name: v.optional(v.pipe(filled, v.regex(/^[\w.-]{1,64}$/, 'a name of letters, digits, . _ - is expected'))),
  headers: v.optional(headers),
  basic_auth: v.optional(basicAuth),
  authorization: v.optional(authorization),
} as const
const _targetShape = v.strictObject(target)

export type TargetShape = v.InferOutput<typeof _targetShape>

const remoteWrite = v.strictObject({
  ...target,
  remote_timeout: v.optional(positive),
  send_interval: v.optional(positive),
  queue_config: v.optional(
    v.strictObject({
      max_samples_per_send: v.optional(v.pipe(count, v.minValue(1, 'a number from 1 up is expected'))),
      min_backoff: v.optional(positive),
      max_backoff: v.optional(positive),
      sample_age_limit: v.optional(duration),
      pacing: v.optional(v.picklist(['on', 'off'], 'on or off is expected')),
    }),
  ),
  metrics: v.optional(v.picklist(extents, `one of ${extents.join(', ')} is expected`)),
  write_relabel_configs: v.optional(relabelConfigs),
  metadata_config: v.optional(v.strictObject({ send: v.optional(flag), send_interval: v.optional(positive) })),
})

export type RemoteWriteShape = v.InferOutput<typeof remoteWrite>

const buffer = v.strictObject({
  directory: v.optional(filled),
  mode: v.optional(v.picklist(['disk', 'memory'], '"disk" or "memory" is expected')),
  sync: v.optional(
    v.union([v.picklist(['always', 'never']), positive], '"always", "never" or a duration such as "1m" is expected'),
  ),
  max_bytes: v.optional(size),
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
  telemetry_path: v.optional(v.pipe(text, v.startsWith('/', 'a path that begins with / is expected'))),
  max_requests: v.optional(count),
  disable_exporter_metrics: v.optional(flag),
})

/** How a collector's option stands in the file. */
const optionShapes = {
  pattern: text,
  boolean: flag,
  text,
  number: v.number('a number is expected'),
  duration,
  list: v.array(text),
}

function collectorShape({ options }: Collector) {
  const shapeOf = ({ kind }: Option) => v.optional(optionShapes[kind] as v.GenericSchema<unknown>)
  const entries = Object.entries(options).map(([key, option]) => [key, shapeOf(option)] as const)
  return v.optional(v.strictObject({ enabled: v.optional(flag), ...Object.fromEntries(entries) }))
}

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
    log: v.optional(v.strictObject({ level: v.optional(v.picklist(levels)), format: v.optional(v.picklist(formats)) })),
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
