import {
  type BlockContext,
  credentialKinds,
  milliseconds,
  offsetOf,
  samplingRuleOf,
  targetOf,
} from '../../config/output-block.ts'
import { type Backoff, redactedUrl } from '../../http/index.ts'

import type { OutputContext, OutputDefaults } from '../../output.ts'
import { keepList, type Names, type Rule } from '../../relabel/index.ts'

import type { Relabel } from '../../relabel/rules.ts'
import type { EndpointOptions } from '../options.ts'
import type { LabelLimits, SeriesSelection } from '../series/relabel.ts'
import { presetOf } from './presets.ts'
import { ignoredKeys } from './prometheus-compat.ts'
import type { RemoteWriteBlock } from './schema.ts'

/** One endpoint from its block. */
export async function endpointOptions(block: RemoteWriteBlock, context: OutputContext): Promise<EndpointOptions> {
  if (block.name === undefined && !context.isAlone)
    context.problems.push(`${context.place}.name: is needed where there are several endpoints`)
  const url = urlOf(block, context)
  ignoredKeys(block, context)
  warnGrafana(block, url, context)
  const preset = presetOf(block.preset)
  const { metadata_config: metadata = {}, queue_config: queue = {} } = block
  const target = await targetOf({ ...block, url: url.href }, context)
  const backoff = backoffOf(block, context)
  const selection = await selectionOf(block, context)
  const sampling = samplingRuleOf(block.interval, context)
  const intervalMs = sampling?.intervalMs ?? context.intervalMs
  return {
    name: block.name ?? 'default',
    ...target,
    timeoutMs: milliseconds(block.remote_timeout, 30_000),
    backoff,
    maxSamplesPerSend: queue.max_samples_per_send ?? preset.maxSamplesPerSend ?? 10_000,
    metadataIntervalMs: metadata.send === false ? 0 : milliseconds(metadata.send_interval, 60_000),
    protobufMessage: block.protobuf_message ?? preset.protobufMessage ?? 'auto',
    compression: block.compression ?? preset.compression ?? 'snappy',
    inline: metadata.inline ?? (metadata.send === false ? 'none' : 'full'),
    sendIntervalMs: milliseconds(block.send_interval, 0),
    ...(sampling && { sampling }),
    intervalMs,
    offsetMs: offsetOf(context.identity, intervalMs),
    ageLimitMs: milliseconds(queue.sample_age_limit ?? preset.ageLimit, 0),
    limits: limitsOf(block),
    ...selection,
    pushPath: preset.path,
    pacing: queue.pacing ?? 'on',
  }
}

/** What a block's preset prefers for interval and job. */
export function endpointDefaults({ preset: name, interval: own }: RemoteWriteBlock): OutputDefaults {
  const { interval, job } = presetOf(name)
  return {
    ...(interval &&
      own === undefined && {
        interval: { value: interval.every, reason: `${name}: collects every ${interval.every}: ${interval.why}` },
      }),
    ...(job && { job: { value: job.name, reason: `${name}: the job is ${job.name}: ${job.why}` } }),
  }
}

/** Which series an endpoint gets: its own allowlist, the rules for all endpoints, then its own rules. */
async function selectionOf(
  { metrics, write_relabel_configs: own }: RemoteWriteBlock,
  { file, place, problems }: OutputContext,
): Promise<SeriesSelection> {
  const { global = {}, write_relabel_configs: rules } = file as FileKeys
  const names = global.metric_name_validation_scheme ?? 'legacy'
  // what is wrong with the rules for all endpoints is reported once, with the first of them
  const shared = place.endsWith('[0]') ? problems : []
  const first = await compiled(rules, names, 'write_relabel_configs', shared)
  const second = await compiled(own, names, `${place}.write_relabel_configs`, problems)
  return { metrics: keepList(metrics ?? 'full'), relabel: then(first, second) }
}

/** Keys at the top of the file that every endpoint heeds. */
interface FileKeys {
  readonly global?: { readonly metric_name_validation_scheme?: Names }
  readonly write_relabel_configs?: readonly Rule[]
}

async function compiled(
  rules: readonly Rule[] | undefined,
  names: Names,
  place: string,
  problems: string[],
): Promise<Relabel | undefined> {
  if (rules === undefined || rules.length === 0) return undefined
  const { compileRules } = await import('../../relabel/rules.ts')
  return compileRules(rules, names, (at, text) => problems.push(`${place}[${at}].${text}`))
}

function then(first: Relabel | undefined, second: Relabel | undefined): Relabel | undefined {
  if (first === undefined || second === undefined) return first ?? second
  return (labels) => {
    const between = first(labels)
    return between && second(between)
  }
}

/** The URL, with the path of the receiver's kind where it has none. */
function urlOf({ url: text, preset: name }: RemoteWriteBlock, { place, problems }: BlockContext): URL {
  const url = new URL(text)
  const { path } = presetOf(name)
  if (path === undefined) return url
  if (name === 'amp') {
    const isWorkspace = /^\/workspaces\/[^/]+\/?$/.test(url.pathname)
    if (isWorkspace) url.pathname = url.pathname.replace(/\/?$/, path)
    else if (url.pathname === '/')
      problems.push(
        `${place}.url: ${redactedUrl(url)} names no workspace: https://aps-workspaces.REGION.amazonaws.com/workspaces/ID`,
      )
  } else if (url.pathname === '/') url.pathname = path
  return url
}

function backoffOf(
  { queue_config: { min_backoff: min, max_backoff: max } = {} }: RemoteWriteBlock,
  context: BlockContext,
): Backoff {
  const minMs = milliseconds(min, 1000)
  const maxMs = milliseconds(max, Math.max(minMs, 60_000))
  if (maxMs < minMs)
    context.problems.push(`${context.place}.queue_config.max_backoff: ${max} is below min_backoff, ${min ?? '1s'}`)
  return { minMs, maxMs }
}

/** What the receiver takes of labels; undefined where it takes any. */
function limitsOf(block: RemoteWriteBlock): LabelLimits | undefined {
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
  block: RemoteWriteBlock,
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
  } else if (credentialKinds(block, url).length === 0 && Object.keys({ ...headers, ...http_headers }).length === 0)
    doubt('basic_auth', "is needed: username is the number of the stack's Prometheus, password a token")
}

/** Tokens tell by their beginning what they are for. */
function warnToken(token: string | undefined, doubt: (words: string) => void): void {
  if (token?.startsWith('glsa_'))
    doubt("is a token for Grafana's own pages (glsa_); a push takes one of an access policy (glc_) with metrics:write")
}
