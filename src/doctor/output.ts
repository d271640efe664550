import { hintFor } from '../hints/index.ts'
import { type Access, proxyFor, redactedUrl, type Sender } from '../http/index.ts'

import {
  type ConfiguredOutput,
  cursorNameOf,
  type OutputOptions,
  type OutputProbe,
  type ProbeAnswer,
  type ProbeRequest,
} from '../output.ts'
import { type Clock, instantOf } from '../util/clock.ts'
import { durationText } from '../util/quantity.ts'
import { userAgent } from '../util/version.ts'
import { checkCertificate, speaksTls } from './certificate.ts'
import { type Finding, fail, of, ok, warn } from './finding.ts'
import { checkLine, checkName } from './network.ts'
import { ask } from './probe.ts'

export interface Deps {
  readonly clock: Clock
  readonly connect: (origin: string, access?: Access, clock?: Clock) => Promise<Sender>
}

/** Clock skew that shows in graphs, and clock skew at which receivers reject samples. */
const skewMs = { warn: 30_000, fail: 600_000 }

/** Tests everything between this host and the receiver of an output: DNS, TCP, TLS, and a request that stores nothing. */
export async function checkOutput(
  output: ConfiguredOutput,
  addresses: ReadonlyMap<string, string>,
  deps: Deps,
): Promise<readonly Finding[]> {
  const { kind, options } = output
  const { target = {}, request, followUp } = kind.probe(options)
  const probe = { target: { ...options, ...target }, component: kind.component, request }
  const address = addresses.get(cursorNameOf(output)) ?? options.name
  return of({ name: options.name, address }, await findingsOf(probe, deps, followUp))
}

interface Probe {
  readonly target: OutputOptions
  readonly component: string
  readonly request: ProbeRequest
}

async function findingsOf(
  probe: Probe,
  { clock, connect }: Deps,
  followUp: OutputProbe['followUp'],
): Promise<readonly Finding[]> {
  const { url, access } = probe.target
  const proxy = access?.proxy && proxyFor(access.proxy, url)
  const server = proxy?.url ?? url
  const via = proxy === undefined ? [] : [ok('proxy', `requests go through ${proxy.url.origin}`)]
  const { finding: name, addresses } = await checkName(server, clock)
  if (addresses.length === 0) return [...via, name]
  const line = await checkLine(server, addresses, clock)
  if (line.level === 'fail') return [...via, name, line]
  const isTls = proxy === undefined && url.protocol === 'https:'
  const tls = isTls ? [await checkCertificate(url, access?.tls, clock)] : []
  if (tls.some(({ level }) => level === 'fail')) return [...via, name, line, ...tls]
  const sender = await connect(url.origin, access, clock)
  const to = (request: ProbeRequest) => ask(probe.target, request, { sender, clock, userAgent })
  try {
    const answer = await to(probe.request)
    const rest = answer.outcome.kind === 'delivered' && followUp !== undefined ? await followUp(to) : []
    const access = proxy === undefined && (await isTlsPort(answer, url, clock)) ? tlsPort(url) : accessOf(answer, probe)
    return [...via, name, line, ...tls, access, ...redirectOf(answer), ...clockOf(answer, clock), ...rest]
  } finally {
    await sender.destroy()
  }
}

/** The port does not respond to plain HTTP, and responds to TLS. */
const isTlsPort = async ({ heads }: ProbeAnswer, url: URL, clock: Clock): Promise<boolean> =>
  heads.length === 0 && url.protocol === 'http:' && (await speaksTls(url, clock))

const tlsPort = (url: URL): Finding =>
  fail('access', `${redactedUrl(url)}: the port expects TLS`, 'use https:// in the url')

/** Whether the receiver accepts the credentials. It may reject a request without samples after that. */
function accessOf({ outcome }: ProbeAnswer, { target, component }: Probe): Finding {
  const place = redactedUrl(target.url)
  if (outcome.kind === 'delivered')
    return ok(
      'access',
      `${place} accepted an empty request: address, tenant and token are right (limits are not tested)`,
    )
  const { reason, status = 0 } = outcome
  const text = `${place}: ${reason}`
  const hint = hintFor(reason, { part: component, url: place, pushPath: target.pushPath })
  if (status === 400 && hint === undefined)
    return warn('access', `${text}: access is granted, but the receiver rejects a request without samples`)
  return status === 429 ? warn('access', text, hint) : fail('access', text, hint)
}

/** A redirect doubles the number of requests. */
function redirectOf({ heads }: ProbeAnswer): readonly Finding[] {
  const redirect = heads.find(
    ({ status, headers }) => status >= 301 && status <= 308 && headers['location'] !== undefined,
  )
  if (redirect === undefined) return []
  const to = URL.parse(String(redirect.headers['location']))
  const text = `HTTP ${redirect.status} redirects${to === null ? '' : ` to ${redactedUrl(to)}`}`
  return [warn('redirect', text, 'use the redirect target as the url')]
}

function clockOf({ heads }: ProbeAnswer, clock: Clock): readonly Finding[] {
  const theirsMs = instantOf(String(heads.at(-1)?.headers['date'] ?? ''))
  if (Number.isNaN(theirsMs)) return []
  const aheadMs = clock.now() - theirsMs
  const skew = durationText(Math.round(Math.abs(aheadMs) / 1000) * 1000)
  const text =
    Math.abs(aheadMs) < 500
      ? 'this host and the receiver have the same time'
      : `this host is ${skew} ${aheadMs < 0 ? 'behind' : 'ahead of'} the receiver`
  const remedy = 'check NTP on this host (timedatectl, chronyc tracking)'
  if (Math.abs(aheadMs) >= skewMs.fail)
    return [fail('clock', `${text}: receivers reject samples with this clock skew`, remedy)]
  return [Math.abs(aheadMs) >= skewMs.warn ? warn('clock', text, remedy) : ok('clock', text)]
}
