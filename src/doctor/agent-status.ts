import { ask, type BufferOptions, diskRemedy, type Row } from '../buffer/index.ts'

import { hintFor } from '../hints/index.ts'
import type { ComponentOf } from '../output.ts'
import { type Clock, withTimeout } from '../util/clock.ts'
import { messageOf } from '../util/log.ts'
import { plural } from '../util/plural.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

const timeoutMs = 5000
/** A backlog that is older is worth a word. */
const behindMs = 300_000

/** Whether an agent runs on this buffer, what waits for whom, and what receivers have refused. */
export async function checkAgent(
  { mode, directory }: BufferOptions,
  clock: Clock,
  componentOf: ComponentOf,
): Promise<readonly Finding[]> {
  if (mode === 'memory') return []
  try {
    const rows = await withTimeout(clock, timeoutMs, rowsOf(directory))
    if (rows === 'late') return [fail('agent', `does not answer within ${timeoutMs} ms`, 'restart it')]
    if (rows === undefined)
      return [
        warn(
          'agent',
          `none runs on ${directory}`,
          'hostpush run, with the same configuration and user; until then hostpush buffer ls tells what waits',
        ),
      ]
    return [ok('agent', `one runs on ${directory}`), ...rows.flatMap((row) => findingOf(row, clock.now(), componentOf))]
  } catch (error) {
    return [warn('agent', `cannot be asked: ${messageOf(error)}`, "run doctor as the agent's user")]
  }
}

async function rowsOf(directory: string): Promise<readonly Row[] | undefined> {
  const answer = await ask(directory, { command: 'ls' })
  return answer === undefined ? undefined : ((await Array.fromAsync(answer)) as Row[]) // both ends are of one version
}

function findingOf(row: Row, nowMs: number, componentOf: ComponentOf): readonly Finding[] {
  if (row.kind === 'buffer')
    return row.problem === undefined
      ? []
      : [fail('buffer', `the disk is not used: ${row.problem}`, diskRemedy(row.problem))]
  if (row.kind === 'dead_letters') {
    const text = `refused and set aside: ${plural(row.samples, 'sample')}: ${row.reason}`
    return [warn(`${row.endpoint} refused`, text, hintFor(row.reason, { part: componentOf(row.endpoint), url: '' }))]
  }
  const { endpoint, snapshots, samples, oldestMs, isConfigured } = row
  const ageMs = oldestMs === undefined ? 0 : nowMs - oldestMs
  const text = `${plural(snapshots, 'snapshot')}, ${plural(samples, 'sample')} wait, the oldest for ${Math.round(ageMs / 1000)} s`
  if (isConfigured === false)
    return [
      warn(`${endpoint} backlog`, `${text}; not configured any more`, `hostpush buffer drop --endpoint=${endpoint}`),
    ]
  const thing = `${endpoint} backlog`
  return [ageMs < behindMs ? ok(thing, text) : warn(thing, text, 'the log of the agent and its status page tell why')]
}
