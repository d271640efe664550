import { type Dir, fields, keyValues } from '../host/index.ts'

import type { Cgroup } from './cgroup.ts'
import type { Usage } from './usage.ts'

interface Process {
  readonly pid: number
  /** With the pid, it tells a process from a later one of the same number. */
  readonly startTicks: number
  readonly parent: number
  /** Of its own and of the children that it has waited for. */
  readonly usage: Usage
  readonly memoryBytes: number
  readonly peakMemoryBytes: number
}

const nothing: Usage = { userTicks: 0, systemTicks: 0, readBytes: undefined, writtenBytes: undefined }

/**
 * The processes below us that come from a command, and what all of them have used. The kernel adds what a process has
 * used to its parent's account of its children when the parent waits for it: so those that end between two looks count
 * as well, each once. One whose parent has gone away without it is followed as long as it lives, if a look has seen it.
 */
export class ProcessTree {
  readonly #proc: Dir
  readonly #self: Dir
  readonly #root: number
  /** What our own children had used before the command was started: the launcher's. */
  readonly #before: Usage
  readonly #cgroup: Pick<Cgroup, 'pids' | 'usage'> | undefined
  #known = new Map<number, Process>()
  /** Of processes that have gone, and whose parents were none of ours. */
  #orphans = nothing
  #total = nothing
  #peakBytes: number | undefined

  /**
   * `before` is what `waitedFor` answered before the command can have ended. The kernel's own account of all that was in
   * a cgroup is taken where it says more.
   */
  constructor(proc: Dir, root: number, before: Usage, cgroup?: Pick<Cgroup, 'pids' | 'usage'>) {
    this.#proc = proc
    this.#self = proc.at('self')
    this.#root = root
    this.#before = before
    this.#cgroup = cgroup
  }

  /** What the tree has used by the last look. */
  get usage(): Usage {
    return this.#total
  }

  /** The most memory that the processes of one look had together, or that one of them ever had. */
  get peakMemoryBytes(): number | undefined {
    return this.#peakBytes
  }

  /** Those that the last look has seen. */
  get pids(): readonly number[] {
    return [...this.#known.keys()]
  }

  refresh(): void {
    const seen = this.#walk()
    for (const [pid, process] of this.#known) {
      if (seen.get(pid)?.startTicks === process.startTicks) continue
      // Its parent has its account, or we do, or nobody has.
      const isWaitedFor = process.pid === this.#root || this.#known.has(process.parent)
      if (!isWaitedFor) this.#orphans = sum(this.#orphans, process.usage)
    }
    this.#known = seen
    const own = less(waitedFor(this.#self), this.#before)
    this.#proc.endCycle()
    const now = [...seen.values()].reduce((all, { usage }) => sum(all, usage), sum(own, this.#orphans))
    this.#total = [now, this.#cgroup?.usage() ?? nothing].reduce(most, this.#total)
    if (seen.size === 0) return
    const together = [...seen.values()].reduce((all, { memoryBytes }) => all + memoryBytes, 0)
    this.#peakBytes = Math.max(
      this.#peakBytes ?? 0,
      together,
      ...[...seen.values()].map(({ peakMemoryBytes }) => peakMemoryBytes),
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

/** What the children that this process has waited for have used, with theirs; `self` is its directory in /proc. */
export function waitedFor(self: Dir): Usage {
  const { childUserTicks, childSystemTicks } = parseStat(self.readIfAny('stat') ?? '')
  const whole = parseIo(self.readIfAny('io'))
  // Only the account of the whole process has those of children; threads of Node's own do not come and go.
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

/** Each thread has the children that it has started. */
const childrenOf = (dir: Dir): number[] =>
  dir
    .at('task')
    .children()
    .flatMap((task) => fields(task.readIfAny('children') ?? '').map(Number))

/** https://docs.kernel.org/filesystems/proc.html, table 1-4; the name may hold spaces and parentheses. */
export function parseStat(text: string) {
  const after = fields(text.slice(text.lastIndexOf(')') + 1))
  const at = (field: number) => Number(after[field - 3] ?? 0)
  return {
    parent: at(4),
    userTicks: at(14),
    systemTicks: at(15),
    childUserTicks: at(16),
    childSystemTicks: at(17),
    startTicks: at(22),
  }
}

/** `VmHWM:  4 kB`; a zombie has none. */
export function parseMemory(status: string): { readonly memoryBytes: number; readonly peakMemoryBytes: number } {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { memoryBytes: bytes('VmRSS'), peakMemoryBytes: bytes('VmHWM') }
}

/** What went to and came from storage; what was truncated before it got there did not. */
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
/** Accounts only grow: one that was read between a process's end and its parent's wait would be too small. */
const most = both(Math.max)
