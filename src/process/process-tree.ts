import { type Dir, fields, keyValues } from '../host/index.ts'

import type { Cgroup } from './cgroup.ts'
import type { Usage } from './usage.ts'

interface Process {
  readonly pid: number
  /** Start time. Together with the pid it identifies a process, because the kernel reuses pids. */
  readonly startTicks: number
  readonly parent: number
  /** Usage of the process and of the children that it has waited for. */
  readonly usage: Usage
  readonly memoryBytes: number
  readonly peakMemoryBytes: number
}

const nothing: Usage = { userTicks: 0, systemTicks: 0, readBytes: undefined, writtenBytes: undefined }

/**
 * The processes that descend from a command, and their total usage. When a parent waits for a child, the kernel adds the
 * child's usage to the parent's account of its children: so a process that ends between two reads of /proc is counted,
 * once. It follows a process with an ended parent until its end, if a read has seen it.
 */
export class ProcessTree {
  readonly #proc: Dir
  readonly #self: Dir
  readonly #root: number
  /** Usage of the children of hostpush before the command was started: those of the launcher. */
  readonly #before: Usage
  readonly #cgroup: Pick<Cgroup, 'pids' | 'usage'> | undefined
  readonly #reaperPid: number | undefined
  #known = new Map<number, Process>()
  /** Usage of ended processes that no process of the tree has waited for. */
  #orphans = nothing
  #total = nothing
  #peakBytes: number | undefined

  /**
   * `before`: the result of `waitedFor` before the command can have ended. With a cgroup, each value is the larger one of
   * the tree's and the cgroup's. `reaperPid`: hostpush, if it waits for orphans.
   */
  constructor(
    proc: Dir,
    root: number,
    before: Usage,
    { cgroup, reaperPid }: { cgroup?: Pick<Cgroup, 'pids' | 'usage'> | undefined; reaperPid?: number | undefined } = {},
  ) {
    this.#proc = proc
    this.#self = proc.at('self')
    this.#root = root
    this.#before = before
    this.#cgroup = cgroup
    this.#reaperPid = reaperPid
  }

  /** Total usage at the last refresh. */
  get usage(): Usage {
    return this.#total
  }

  /** The larger one of: maximum of the total resident memory at one refresh, peak of a single process. */
  get peakMemoryBytes(): number | undefined {
    return this.#peakBytes
  }

  /** The processes that the last refresh has seen. */
  get pids(): readonly number[] {
    return [...this.#known.keys()]
  }

  refresh(): void {
    const processes = this.#walk()
    for (const [pid, process] of this.#known) {
      if (processes.get(pid)?.startTicks === process.startTicks) continue
      // The parent or hostpush has waited for it, or no process of the tree has.
      const isWaitedFor =
        process.pid === this.#root || process.parent === this.#reaperPid || this.#known.has(process.parent)
      if (!isWaitedFor) this.#orphans = sum(this.#orphans, process.usage)
    }
    this.#known = processes
    const own = less(waitedFor(this.#self), this.#before)
    this.#proc.endCycle()
    const now = [...processes.values()].reduce((all, { usage }) => sum(all, usage), sum(own, this.#orphans))
    this.#total = [now, this.#cgroup?.usage() ?? nothing].reduce(most, this.#total)
    if (processes.size === 0) return
    const together = [...processes.values()].reduce((all, { memoryBytes }) => all + memoryBytes, 0)
    this.#peakBytes = Math.max(
      this.#peakBytes ?? 0,
      together,
      ...[...processes.values()].map(({ peakMemoryBytes }) => peakMemoryBytes),
    )
  }

  #walk(): Map<number, Process> {
    const seen = new Map<number, Process>()
    const waiting = [this.#root, ...(this.#cgroup?.pids() ?? []), ...this.#known.keys()]
    for (const pid of waiting) {
      if (seen.has(pid)) continue
      const process = readProcess(this.#proc.at(String(pid)), pid)
      const known = this.#known.get(pid)
      if (process === undefined || (known !== undefined && known.startTicks !== process.startTicks)) continue
      seen.set(pid, process)
      waiting.push(...childrenOf(this.#proc.at(String(pid))))
    }
    return seen
  }
}

/** Usage of the children that this process has waited for, with their descendants; `self` is its directory in /proc. */
export function waitedFor(self: Dir): Usage {
  const { childUserTicks, childSystemTicks } = parseStat(self.readIfAny('stat') ?? '')
  const whole = parseIo(self.readIfAny('io'))
  // Only the io file of the process includes children. Subtracting the threads leaves the children: Node's threads do not end.
  const threads = self
    .at('task')
    .children()
    .map((task) => parseIo(task.readIfAny('io')))
    .reduce(sum, nothing)
  return less({ ...whole, userTicks: childUserTicks, systemTicks: childSystemTicks }, threads)
}

function readProcess(dir: Dir, pid: number): Process | undefined {
  const stat = dir.readIfAny('stat')
  if (stat === undefined) return undefined
  const { parent, startTicks, ...ticks } = parseStat(stat)
  const { memoryBytes, peakMemoryBytes } = parseMemory(dir.readIfAny('status') ?? '')
  const usage = {
    ...parseIo(dir.readIfAny('io')),
    userTicks: ticks.userTicks + ticks.childUserTicks,
    systemTicks: ticks.systemTicks + ticks.childSystemTicks,
  }
  return { pid, startTicks, parent, usage, memoryBytes, peakMemoryBytes }
}

/** The kernel lists children by the thread that started them. */
export const childrenOf = (dir: Dir): number[] =>
  dir
    .at('task')
    .children()
    .flatMap((task) => fields(task.readIfAny('children') ?? '').map(Number))

/** https://docs.kernel.org/filesystems/proc.html, table 1-4; the name may contain spaces and parentheses. */
export function parseStat(text: string) {
  const after = fields(text.slice(text.lastIndexOf(')') + 1))
  const at = (field: number) => Number(after[field - 3] ?? 0)
  return {
    state: after[0],
    parent: at(4),
    userTicks: at(14),
    systemTicks: at(15),
    childUserTicks: at(16),
    childSystemTicks: at(17),
    startTicks: at(22),
  }
}

/** `VmHWM:  4 kB`; missing for a zombie. */
export function parseMemory(status: string): { readonly memoryBytes: number; readonly peakMemoryBytes: number } {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { memoryBytes: bytes('VmRSS'), peakMemoryBytes: bytes('VmHWM') }
}

/** Bytes read from and written to storage, from /proc/PID/io. */
export function parseIo(text: string | undefined): Usage {
  if (text === undefined) return nothing
  const { read_bytes, write_bytes } = Object.fromEntries(keyValues(text))
  const number = (one: string | undefined) => (one === undefined ? undefined : Number(one))
  return { ...nothing, readBytes: number(read_bytes), writtenBytes: number(write_bytes) }
}

const both =
  (one: (left: number, right: number) => number) =>
  (left: Usage, right: Usage): Usage => {
    const either = (name: keyof Usage) =>
      left[name] === undefined && right[name] === undefined ? undefined : one(left[name] ?? 0, right[name] ?? 0)
    return {
      userTicks: one(left.userTicks, right.userTicks),
      systemTicks: one(left.systemTicks, right.systemTicks),
      readBytes: either('readBytes'),
      writtenBytes: either('writtenBytes'),
    }
  }
const sum = both((left, right) => left + right)
const less = both((left, right) => Math.max(0, left - right))
/** Usage only grows: a sum that was read between the end of a process and its parent's wait would be too small. */
const most = both(Math.max)
