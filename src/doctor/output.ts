import { hintFor } from '../hints/index.ts'
import { type Access, proxyFor, redactedUrl, type Sender } from '../http/index.ts'

import type { ConfiguredOutput, OutputOptions, OutputProbe, ProbeAnswer, ProbeRequest } from '../output.ts'
import { type Clock, instantOf } from '../util/clock.ts'
import { userAgent } from '../util/version.ts'
import { checkCertificate, speaksTls } from './certificate.ts'
import { type Finding, fail, of, ok, warn } from './finding.ts'
import { checkLine, checkName } from './network.ts'
import { ask } from './probe.ts'

export interface Deps {
  readonly clock: Clock
  readonly connect: (origin: string, access?: Access, clock?: Clock) => Promise<Sender>
}

/** Differences of clocks from which on graphs look wrong, and from which on receivers refuse samples. */
const skewMs = { warn: 30_000, fail: 600_000 }

/** Everything between this host and an output's receiver, up to its answer to a request that stores nothing. */
export async function checkOutput({ kind, options }: ConfiguredOutput, deps: Deps): Promise<readonly Finding[]> {
  const { target = {}, request, followUp } = kind.probe(options)
  const asked = { target: { ...options, ...target }, component: kind.component, request }
  return of(options.name, await findingsOf(asked, deps, followUp))
}

interface Asked {
  readonly target: OutputOptions
  readonly component: string
  readonly request: ProbeRequest
}

async function findingsOf(
  asked: Asked,
  { clock, connect }: Deps,
  followUp: OutputProbe['followUp'],
): Promise<readonly Finding[]> {
  const { url, access } = asked.target
  const proxy = access?.proxy && proxyFor(access.proxy, url)
  const server = proxy?.url ?? url
  const via = proxy === undefined ? [] : [ok('proxy', `through ${proxy.url.origin}`)]
  const { finding: name, addresses } = await checkName(server, clock)
  if (addresses.length === 0) return [...via, name]
  const line = await checkLine(server, addresses, clock)
  if (line.level === 'fail') return [...via, name, line]
  const isTls = proxy === undefined && url.protocol === 'https:'
  const tls = isTls ? [await checkCertificate(url, access?.tls, clock)] : []
  if (tls.some(({ level }) => level === 'fail')) return [...via, name, line, ...tls]
  const sender = await connect(url.origin, access, clock)
  const to = (request: ProbeRequest) => ask(asked.target, request, { sender, clock, userAgent })
  try {
    const told = await to(asked.request)
    const rest = told.outcome.kind === 'delivered' && followUp !== undefined ? await followUp(to) : []
    const answer =
      proxy === undefined && (await isUnresponsive(told, url, clock)) ? unresponsive(url) : answerOf(told, asked)
    return [...via, name, line, ...tls, answer, ...movedBy(told), ...clockBy(told, clock), ...rest]
  } finally {
    await sender.destroy()
  }
}

/** What was said in plain HTTP got no answer in it, and TLS does. */
const isUnresponsive = async ({ heads }: ProbeAnswer, url: URL, clock: Clock): Promise<boolean> =>
  heads.length === 0 && url.protocol === 'http:' && (await speaksTls(url, clock))

const unresponsive = (url: URL): Finding =>
  fail('access', `${redactedUrl(url)}: TLS is spoken at this port`, 'the url should begin with https://')

/** Whether the receiver lets us in. It may refuse a request of nothing once it has let us in. */
function answerOf({ outcome }: ProbeAnswer, { target, component }: Asked): Finding {
  const place = redactedUrl(target.url)
  if (outcome.kind === 'delivered') return ok('access', `${place} takes a request that stores nothing`)
  const { reason, status = 0 } = outcome
  const text = `${place}: ${reason}`
  const hint = hintFor(reason, { part: component, url: place, pushPath: target.pushPath })
  if (status === 400 && hint === undefined)
    return warn('access', `${text}: let in, but it refuses a request without samples`)
  return status === 429 ? warn('access', text, hint) : fail('access', text, hint)
}

/** A redirect costs a second request with each send. */
function movedBy({ heads }: ProbeAnswer): readonly Finding[] {
  const moved = heads.find(({ status, headers }) => status >= 301 && status <= 308 && headers['location'] !== undefined)
  if (moved === undefined) return []
  const to = URL.parse(String(moved.headers['location']))
  const text = `sent on by HTTP ${moved.status}${to === null ? '' : ` to ${redactedUrl(to)}`}`
  return [warn('redirect', text, 'put the address that it leads to into the url')]
}

function clockBy({ heads }: ProbeAnswer, clock: Clock): readonly Finding[] {
  const theirsMs = instantOf(String(heads.at(-1)?.headers['date'] ?? ''))
  if (Number.isNaN(theirsMs)) return []
  const aheadMs = clock.now() - theirsMs
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const text =
    seconds === 0
      ? 'this host and the receiver tell the same time'
      : `this host is ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the receiver`
  const remedy = 'check NTP on this host (timedatectl, chronyc tracking)'
  if (Math.abs(aheadMs) >= skewMs.fail) return [fail('clock', `${text}: it refuses such samples`, remedy)]
  return [Math.abs(aheadMs) >= skewMs.warn ? warn('clock', text, remedy) : ok('clock', text)]
}
