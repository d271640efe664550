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

/** Options of one endpoint from its block of `remote_write`. Errors and warnings go to the context. */
export async function endpointOptions(block: RemoteWriteBlock, context: OutputContext): Promise<EndpointOptions> {
  if (block.name === undefined && !context.isAlone)
    context.problems.push(`${context.place}.name: required because there are several remote_write blocks`)
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
  const sendIntervalMs = milliseconds(block.send_interval, 0)
  return {
    name: block.name ?? 'default',
    ...target,
    timeoutMs: milliseconds(block.remote_timeout, 30_000),
    backoff,
    maxSamplesPerSend: queue.max_samples_per_send ?? preset.maxSamplesPerSend ?? 10_000,
    metadataIntervalMs: metadata.send === false ? 0 : milliseconds(metadata.send_interval, 60_000),
    protobufMessage: block.protobuf_message ?? preset.protobufMessage ?? 'auto',
    compression: block.compression ?? preset.compression ?? 'snappy',
    inline: metadata.inline ?? (metadata.send === false ? 'none' : (preset.inline ?? 'full')),
    sendIntervalMs,
    ...(sampling && { sampling }),
    intervalMs,
    offsetMs: Math.floor(offsetOf(context.identity) * sendIntervalMs),
    ageLimitMs: milliseconds(queue.sample_age_limit ?? preset.ageLimit, 0),
    limits: limitsOf(block),
    ...selection,
    pushPath: preset.path,
    pacing: queue.pacing ?? 'on',
    acceptance: block.acceptance ?? 'auto',
    ...(block.preset !== undefined &&
      preset.acceptance !== undefined && {
        presetAcceptance: { preset: block.preset, is: preset.acceptance },
      }),
  }
}

/** Defaults for `interval` and `job` from the preset of a block, each with its reason. */
export function endpointDefaults({ preset: name, interval: own }: RemoteWriteBlock): OutputDefaults {
  const { interval, job } = presetOf(name)
  return {
    ...(interval &&
      own === undefined && {
        interval: {
          value: interval.every,
          reason: `preset ${name}: interval is ${interval.every}, because ${interval.why}`,
        },
      }),
    ...(job && { job: { value: job.name, reason: `preset ${name}: job is ${job.name}, because ${job.why}` } }),
  }
}

/** Series of an endpoint. Order: the allowlist of the block, the rules at the top of the file, the rules of the block. */
async function selectionOf(
  { metrics, write_relabel_configs: own }: RemoteWriteBlock,
  { file, place, problems }: OutputContext,
): Promise<SeriesSelection> {
  const { global = {}, write_relabel_configs: rules } = file as FileKeys
  const names = global.metric_name_validation_scheme ?? 'legacy'
  // errors in the rules at the top of the file are reported once, with the first endpoint
  const shared = place.endsWith('[0]') ? problems : []
  const first = await compiled(rules, names, 'write_relabel_configs', shared)
  const second = await compiled(own, names, `${place}.write_relabel_configs`, problems)
  return { metrics: keepList(metrics ?? 'full'), relabel: then(first, second) }
}

/** Keys at the top of the file that apply to every endpoint. */
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

/** The URL. If it has no path, the path of the preset is added. */
function urlOf({ url: text, preset: name }: RemoteWriteBlock, { place, problems }: BlockContext): URL {
  const url = new URL(text)
  const { path } = presetOf(name)
  if (path === undefined) return url
  if (name === 'amp') {
    const isWorkspace = /^\/workspaces\/[^/]+\/?$/.test(url.pathname)
    if (isWorkspace) url.pathname = url.pathname.replace(/\/?$/, path)
    else if (url.pathname === '/')
      problems.push(
        `${place}.url: ${redactedUrl(url)} has no workspace, expected https://aps-workspaces.REGION.amazonaws.com/workspaces/ID`,
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
    context.problems.push(`${context.place}.queue_config.max_backoff: ${max} is less than min_backoff (${min ?? '1s'})`)
  return { minMs, maxMs }
}

/** Label limits of the block or its preset; undefined if there are none. 0 means no limit. */
function limitsOf(block: RemoteWriteBlock): LabelLimits | undefined {
  const preset = presetOf(block.preset)
  const configured = {
    labels: block.label_limit ?? preset.labelLimit,
    nameBytes: block.label_name_length_limit ?? preset.labelNameLengthLimit,
    valueBytes: block.label_value_length_limit ?? preset.labelValueLengthLimit,
  }
  const limits = Object.entries(configured).filter(([, limit]) => limit !== undefined && limit > 0)
  return limits.length === 0 ? undefined : Object.fromEntries(limits)
}

/** The page of Grafana Cloud that shows URL and user name. */
const details = 'see the Details page of Prometheus in your stack on grafana.com'

/** Warns about common mistakes with Grafana Cloud: wrong host, path, user name or kind of token. */
function warnGrafana(
  block: RemoteWriteBlock,
  url: URL,
  { place, warnings }: Pick<BlockContext, 'place' | 'warnings'>,
): void {
  if (!url.hostname.endsWith('.grafana.net')) return
  const warn = (key: string, text: string) => warnings.push(`${place}.${key}: ${text}; ${details}`)
  if (!/^(prometheus|mimir)/.test(url.hostname))
    warn('url', `${url.hostname} does not look like a remote-write host, expected https://prometheus-…`)
  else if (url.pathname !== '/api/prom/push') warn('url', `path is ${url.pathname}, expected /api/prom/push`)
  const { basic_auth: basic, authorization, headers = {}, http_headers = {} } = block
  if (basic !== undefined) {
    const isNumber = basic.username_file !== undefined || /^\s*\d+\s*$/.test(basic.username ?? '')
    if (!isNumber)
      warn('basic_auth.username', 'expected the number of the Prometheus instance (user name or instance ID)')
    warnToken(basic.password, (text) => warn('basic_auth.password', text))
  } else if (authorization?.credentials !== undefined) {
    const [, token] = /^\d+:(.*)$/s.exec(authorization.credentials) ?? []
    if (token === undefined) warn('authorization.credentials', 'expected NUMBER:TOKEN, or basic_auth instead')
    warnToken(token, (text) => warn('authorization.credentials', text))
  } else if (credentialKinds(block, url).length === 0 && Object.keys({ ...headers, ...http_headers }).length === 0)
    warn('basic_auth', 'required: username is the number of the Prometheus instance, password is a token')
}

/** The prefix of a token shows its kind. */
function warnToken(token: string | undefined, warn: (text: string) => void): void {
  if (token?.startsWith('glsa_'))
    warn('is a service account token (glsa_), expected an access policy token (glc_) with the scope metrics:write')
}
