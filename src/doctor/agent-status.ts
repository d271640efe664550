import {
  type AgentInfo,
  ask,
  type BufferOptions,
  diskRemedy,
  type EndpointInfo,
  NoAnswer,
  type Row,
} from '../buffer/index.ts'

import { hintFor } from '../hints/index.ts'
import type { ComponentOf } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { messageOf } from '../util/log.ts'
import { plural } from '../util/plural.ts'
import { durationText } from '../util/quantity.ts'
import { type Finding, fail, of as ofOutput, ok, warn } from './finding.ts'

/** An older backlog is a warning. */
const maxBacklogAgeMs = 300_000

/** Whether an agent runs on this buffer, the backlog of each endpoint, and rejected samples. */
export async function checkAgent(
  { mode, directory }: BufferOptions,
  clock: Clock,
  names: BufferNames,
): Promise<readonly Finding[]> {
  if (mode === 'memory') return []
  try {
    const rows = await rowsOf(directory)
    if (rows === undefined)
      return [
        warn(
          'agent',
          `no agent runs on ${directory}`,
          'start hostpush run with the same configuration and user; hostpush buffer ls shows the backlog',
        ),
      ]
    const running = await endpointsOf(directory)
    return [
      ok('agent', `runs on ${directory}`),
      ...rows.flatMap((row) => findingOf(row, clock.now(), names)),
      ...running.flatMap((one) => runningOf(one, names)),
    ]
  } catch (error) {
    if (error instanceof NoAnswer)
      return [fail('agent', 'does not respond, it is stopped or hangs', 'restart the agent')]
    return [warn('agent', `cannot connect to the agent: ${messageOf(error)}`, 'run doctor as the user of the agent')]
  }
}

/** What is known about the names in a buffer. */
export interface BufferNames {
  readonly componentOf: ComponentOf
  /** URLs by name. */
  readonly addresses: ReadonlyMap<string, string>
}

async function rowsOf(directory: string): Promise<readonly Row[] | undefined> {
  const answer = await ask(directory, { command: 'ls' })
  return answer === undefined ? undefined : ((await Array.fromAsync(answer)) as Row[]) // the agent and this command have the same version
}

async function endpointsOf(directory: string): Promise<readonly EndpointInfo[]> {
  const answer = await ask(directory, { command: 'agent-info' })
  const [info] = answer === undefined ? [] : ((await Array.fromAsync(answer)) as Partial<AgentInfo>[])
  return info?.endpoints ?? []
}

/** What the running agent says about an endpoint: an empty test request shows neither limits nor rejections. */
function runningOf({ endpoint, problem, acceptance }: EndpointInfo, { addresses }: BufferNames): readonly Finding[] {
  return ofOutput({ name: endpoint, address: addresses.get(endpoint) ?? endpoint }, [
    ...(problem === undefined ? [] : [warn('agent', `the running agent reports: ${problem}`)]),
    ...(acceptance === undefined ? [] : [ok('acceptance', `of the good samples of a rejected request: ${acceptance}`)]),
  ])
}

function findingOf(row: Row, nowMs: number, { componentOf, addresses }: BufferNames): readonly Finding[] {
  const of = (name: string, findings: readonly Finding[]) =>
    ofOutput({ name, address: addresses.get(name) ?? name }, findings)
  if (row.kind === 'buffer')
    return row.problem === undefined
      ? []
      : [fail('buffer', `the disk is not used, samples are only in memory: ${row.problem}`, diskRemedy(row.problem))]
  if (row.kind === 'dead_letters') {
    const text = `${plural(row.samples, 'sample')} rejected and saved as dead letters: ${row.reason}`
    const remedy = hintFor(row.reason, { part: componentOf(row.endpoint), url: '' })
    return of(row.endpoint, [warn('rejected', text, remedy)])
  }
  const { endpoint, snapshots, samples, oldestMs, isConfigured } = row
  const ageMs = oldestMs === undefined ? 0 : nowMs - oldestMs
  const size = `${plural(snapshots, 'snapshot')}, ${plural(samples, 'sample')}`
  const text = snapshots === 0 ? 'empty' : `${size}, the oldest collected ${durationText(ageMs)} ago`
  if (isConfigured === false)
    return of(endpoint, [
      warn('backlog', `${text}; the endpoint is no longer configured`, `hostpush buffer drop --endpoint=${endpoint}`),
    ])
  const remedy = 'the log of the agent and the status page show the reason'
  return of(endpoint, [ageMs < maxBacklogAgeMs ? ok('backlog', text) : warn('backlog', text, remedy)])
}
