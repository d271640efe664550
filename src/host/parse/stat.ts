import { numberOf } from '../fs/dir.ts'
import { lines } from '../fs/text.ts'

/** https://docs.kernel.org/filesystems/proc.html#miscellaneous-kernel-statistics-in-proc-stat */
export interface Stat {
  /** Clock ticks by CPU number: user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice. */
  readonly cpus: ReadonlyMap<string, readonly number[]>
  /** `ctxt`, `btime`, `processes` ...: first number by line name; for `intr` and `softirq` it is the total. */
  readonly totals: ReadonlyMap<string, number>
  /** Interrupt counts by vector, in the kernel's order. */
  readonly softirqs: readonly number[]
  /** Error of the first invalid line; the other lines are in the result. */
  readonly failure: unknown
}

/** Lines of which only the first number is used. */
const single = new Set(['intr', 'ctxt', 'btime', 'processes', 'procs_running', 'procs_blocked'])

/** Parses /proc/stat. Of `intr`, which has thousands of columns on large machines, only the total is parsed. */
export function parseStat(text: string): Stat {
  const cpus = new Map<string, readonly number[]>()
  const totals = new Map<string, number>()
  let softirqs: readonly number[] = []
  let failure: unknown
  const parseLine = (line: string) => {
    const end = line.indexOf(' ')
    if (end === -1) return
    const key = line.slice(0, end)
    if (key === 'cpu') return // the sum over all CPUs
    if (key.startsWith('cpu')) cpus.set(key.slice(3), numbers(line, end + 1))
    else if (key === 'softirq') {
      const [total, ...vectors] = numbers(line, end + 1)
      if (total !== undefined) totals.set(key, total)
      softirqs = vectors
    } else if (single.has(key)) {
      const next = line.indexOf(' ', end + 1)
      totals.set(key, number(line.slice(end + 1, next === -1 ? undefined : next)))
    }
  }
  for (const line of lines(text)) {
    try {
      parseLine(line)
    } catch (error) {
      failure ??= error
    }
  }
  return { cpus, totals, softirqs, failure }
}

const numbers = (line: string, from: number): number[] => line.slice(from).trimEnd().split(' ').map(number)
const number = (word: string): number => numberOf(word, () => 'stat')
