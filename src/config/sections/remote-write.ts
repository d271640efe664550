import type { Backoff } from '../../http/retry/retry.ts'
import type { EndpointOptions } from '../../remote-write/index.ts'
import type { LabelLimits } from '../../remote-write/series/relabel.ts'
import { kindsOf } from '../auth/credentials.ts'
import type { BlockContext } from '../context.ts'
import { presetOf } from '../schema/presets.ts'
import type { RemoteWriteShape } from '../schema/schema.ts'
import { milliseconds } from '../schema/units.ts'
import { urlOf } from './preset-defaults.ts'
import { ignoredKeys } from './prometheus-compat.ts'
import { targetOf } from './target.ts'

/** One endpoint from its block; problems are added with their place. */
export async function endpointOf(
  block: RemoteWriteShape,
  context: BlockContext,
  alone: boolean,
): Promise<EndpointOptions> {
  if (block.name === undefined && !alone)
    context.problems.push(`${context.place}.name: is needed where there are several endpoints`)
  const url = urlOf(block, context)
  ignoredKeys(block, context)
  warnGrafana(block, url, context)
  const preset = presetOf(block.preset)
  return {
    name: block.name ?? 'default',
    ...(await targetOf({ ...block, url: url.href }, context)),
    timeoutMs: milliseconds(block.remote_timeout, 30_000),
    backoff: backoffOf(block, context),
    maxSamplesPerSend: block.queue_config?.max_samples_per_send ?? preset.maxSamplesPerSend ?? 10_000,
    metadataIntervalMs:
      block.metadata_config?.send === false ? 0 : milliseconds(block.metadata_config?.send_interval, 60_000),
    protobufMessage: block.protobuf_message ?? preset.protobufMessage ?? 'auto',
    compression: block.compression ?? preset.compression ?? 'snappy',
    inline: block.metadata_config?.inline ?? (block.metadata_config?.send === false ? 'none' : 'full'),
    sendIntervalMs: milliseconds(block.send_interval, 0),
    intervalMs: 0,
    offsetMs: 0,
    ageLimitMs: milliseconds(block.queue_config?.sample_age_limit ?? preset.ageLimit, 0),
    limits: limitsOf(block),
    pushPath: preset.path,
    pacing: block.queue_config?.pacing ?? 'on',
  }
}

function backoffOf(
  { queue_config: { min_backoff: min, max_backoff: max } = {} }: RemoteWriteShape,
  context: BlockContext,
): Backoff {
  const minMs = milliseconds(min, 1000)
  const maxMs = milliseconds(max, Math.max(minMs, 60_000))
  if (maxMs < minMs)
    context.problems.push(`${context.place}.queue_config.max_backoff: ${max} is below min_backoff, ${min ?? '1s'}`)
  return { minMs, maxMs }
}

/** What the receiver takes of labels; undefined where it takes any. */
function limitsOf(block: RemoteWriteShape): LabelLimits | undefined {
  const preset = presetOf(block.preset)
  const given = {
    labels: block.label_limit ?? preset.labelLimit,
    nameBytes: block.label_name_length_limit ?? preset.labelNameLengthLimit,
    valueBytes: block.label_value_length_limit ?? preset.labelValueLengthLimit,
  }
  const limits = Object.entries(given).filter(([, limit]) => limit !== undefined && limit > 0)
  return limits.length === 0 ? undefined : Object.fromEntries(limits)
}

/** Where Grafana Cloud tells what belongs into a block. */
const details = 'see grafana.com: the stack, Prometheus, Details'

/** What is most likely wrong with a block for Grafana Cloud: what its pages show of a stack is easily mixed up. */
function warnGrafana(
  block: RemoteWriteShape,
  url: URL,
  { place, warnings }: Pick<BlockContext, 'place' | 'warnings'>,
): void {
  if (!url.hostname.endsWith('.grafana.net')) return
  const doubt = (key: string, words: string) => warnings.push(`${place}.${key}: ${words}; ${details}`)
  if (!/^(prometheus|mimir)/.test(url.hostname))
    doubt('url', `${url.hostname} is where Grafana's own pages are, most likely; a push goes to https://prometheus-…`)
  else if (url.pathname !== '/api/prom/push') doubt('url', `a push goes to /api/prom/push, not to ${url.pathname}`)
  const { basic_auth: basic, authorization, headers = {}, http_headers = {} } = block
  if (basic !== undefined) {
    const isNumber = basic.username_file !== undefined || /^\s*\d+\s*$/.test(basic.username ?? '')
    if (!isNumber) doubt('basic_auth.username', "is the number of the stack's Prometheus (user name or instance ID)")
    warnToken(basic.password, (words) => doubt('basic_auth.password', words))
  } else if (authorization?.credentials !== undefined) {
    const [, token] = /^\d+:(.*)$/s.exec(authorization.credentials) ?? []
    if (token === undefined) doubt('authorization.credentials', 'is NUMBER:TOKEN, or use basic_auth')
    warnToken(token, (words) => doubt('authorization.credentials', words))
  } else if (kindsOf(block, url).length === 0 && Object.keys({ ...headers, ...http_headers }).length === 0)
    doubt('basic_auth', "is needed: username is the number of the stack's Prometheus, password a token")
}

/** Tokens tell by their beginning what they are for. */
function warnToken(token: string | undefined, doubt: (words: string) => void): void {
  if (token?.startsWith('glsa_'))
    doubt("is a token for Grafana's own pages (glsa_); a push takes one of an access policy (glc_) with metrics:write")
}
