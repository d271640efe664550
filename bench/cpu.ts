import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second in /proc: USER_HZ is 100 on every architecture that Node supports. */
const ticksPerSecond = 100

export interface Memory {
  /** Private memory (RssAnon): the kernel cannot drop it. */
  readonly anonMb: number
  readonly rssMb: number
}

/** A process and all its descendants. */
export function processesOf(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const below = (one: number): readonly number[] => [one, ...(children.get(one) ?? []).flatMap(below)]
  return below(pid)
}

function parentOf(pid: string): number | undefined {
  const parent = statOf(`/proc/${pid}/stat`)?.[1]
  return parent === undefined ? undefined : Number(parent)
}

/** User and system CPU time of a process and all its descendants, milliseconds. */
export function cpuMs(pid: number): number {
  return processesOf(pid).reduce((sum, one) => sum + ownCpuMs(one) + endedChildrenMs(one), 0)
}

/**
 * The scheduler's nanoseconds of all live threads, or the process's 10 ms ticks if they are more: the ticks include
 * threads that have ended.
 */
function ownCpuMs(pid: number): number {
  const fields = statOf(`/proc/${pid}/stat`)
  const ticked = ((Number(fields?.[11]) + Number(fields?.[12])) * 1000) / ticksPerSecond
  const exact = threadsOf(pid).reduce((sum, thread) => sum + scheduledNs(`/proc/${pid}/task/${thread}`), 0) / 1e6
  return Math.max(exact, ticked || 0)
}

function endedChildrenMs(pid: number): number {
  const fields = statOf(`/proc/${pid}/stat`)
  return fields === undefined ? 0 : ((Number(fields[13]) + Number(fields[14])) * 1000) / ticksPerSecond
}

function threadsOf(pid: number): readonly string[] {
  return unlessEnded(() => readdirSync(`/proc/${pid}/task`)) ?? []
}

/** https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
function scheduledNs(thread: string): number {
  return Number(unlessEnded(() => readFileSync(`${thread}/schedstat`, 'utf8'))?.split(' ')[0] ?? 0)
}

/** Private and resident memory of a process and all its descendants. */
export function memoryOf(pid: number): Memory {
  let [anonMb, rssMb] = [0, 0]
  for (const one of processesOf(pid)) {
    const text = unlessEnded(() => readFileSync(`/proc/${one}/status`, 'utf8')) ?? ''
    const mb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) / 1024
    anonMb += mb('RssAnon')
    rssMb += mb('VmRSS')
  }
  return { anonMb, rssMb }
}

/** The fields of a stat file from the third (state) on: the name before them may contain spaces. */
function statOf(path: string): readonly string[] | undefined {
  const text = unlessEnded(() => readFileSync(path, 'utf8'))
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function unlessEnded<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch {
    return undefined // the process ended after it was listed
  }
}
