import { readFileSync } from 'node:fs'
import { constants as system } from 'node:os'

/** Forwarded signals: those that other processes send and that Node can handle, without those for faults of the program. */
const passed = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGWINCH',
  'SIGCONT',
  'SIGTSTP',
  'SIGURG',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
] as const satisfies readonly NodeJS.Signals[]

/** Signals that a terminal sends to its whole foreground process group: the command gets them directly. */
const fromTerminal: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH'])

/** Signals that ask for termination. */
const ending: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'])
export type Ending = (signal: NodeJS.Signals) => void

interface Target {
  readonly pid: number
  signal(name: NodeJS.Signals): void
}

/** Forwards each signal to a command exactly once. Signals that arrive before `passTo` are queued. */
export class Signals {
  #target: Target | 'none' | undefined
  #early: NodeJS.Signals[] = []
  readonly #onEnding: Ending[] = []

  /** `ignored`: signals that were ignored when hostpush was started. The command ignores them too. */
  constructor(ignored: readonly number[]) {
    for (const signal of passed)
      process.on(signal, ignored.includes(system.signals[signal]) ? () => {} : () => this.#take(signal))
  }

  /** Forwards queued and later signals to this command. */
  passTo(target: Target | 'none'): void {
    this.#target = target
    for (const signal of this.#early.splice(0)) this.#take(signal)
  }

  /** Calls back at each termination signal. */
  onEnding(callback: Ending): void {
    this.#onEnding.push(callback)
  }

  #take(signal: NodeJS.Signals): void {
    if (ending.has(signal)) for (const callback of this.#onEnding) callback(signal)
    const target = this.#target
    if (target === 'none') return
    if (target === undefined) this.#early.push(signal)
    else if (signal === 'SIGCONT') {
      if (stateOf(target.pid) === 'T') target.signal(signal)
    } else if (!fromTerminal.has(signal) || !haveOneTerminal(statOf('self'), statOf(target.pid))) target.signal(signal)
    if (signal === 'SIGTSTP') this.#stop()
  }

  /**
   * Stops hostpush with the default action of SIGTSTP, which a handler replaces. The kernel does it, because it does not
   * stop an orphaned process group, which no shell could continue.
   */
  #stop(): void {
    process.removeAllListeners('SIGTSTP')
    process.kill(process.pid, 'SIGTSTP')
    process.on('SIGTSTP', () => this.#take('SIGTSTP'))
  }
}

/** Whether two processes are in the foreground process group of one terminal: it then signals both. */
export function haveOneTerminal(self: string, other: string): boolean {
  const [, , group, , , foreground] = afterName(self)
  return group !== undefined && group === foreground && group === afterName(other)[2]
}

const stateOf = (pid: number): string | undefined => afterName(statOf(pid))[0]

/** The fields of /proc/PID/stat after the name, which may contain spaces and parentheses: state, ppid, pgrp, session, ... */
const afterName = (stat: string): readonly string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ')

function statOf(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return '' // the process has ended
  }
}
