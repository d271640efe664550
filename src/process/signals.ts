import { readFileSync } from 'node:fs'
import { constants as system } from 'node:os'

/** The signals that a process can be sent by others and that Node lets us take; those of faults are not among them. */
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

/** Those that a terminal sends to all processes in its foreground: the command has them already. */
const fromTerminal: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH'])

/** Those that ask for an end. */
const ending: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'])
export type Ending = (signal: NodeJS.Signals) => void

interface Target {
  readonly pid: number
  signal(name: NodeJS.Signals): void
}

/** Passes every signal on to a command, each once. Takes them from the moment it is made. */
export class Signals {
  #target: Target | 'none' | undefined
  #early: NodeJS.Signals[] = []
  #asked = 0
  readonly #onEnding: Ending[] = []

  /** Signals that were ignored when we were started are ignored by the command, and so by us. */
  constructor(ignored: readonly number[]) {
    for (const signal of passed)
      process.on(signal, ignored.includes(system.signals[signal]) ? () => {} : () => this.#take(signal))
  }

  /** Passes what has come and what comes to this command. */
  passTo(target: Target | 'none'): void {
    this.#target = target
    for (const signal of this.#early.splice(0)) this.#take(signal)
  }

  /** How many signals that ask for an end have come. */
  get asked(): number {
    return this.#asked
  }

  /** Calls back at each signal that asks for an end. */
  onEnding(callback: Ending): void {
    this.#onEnding.push(callback)
  }

  #take(signal: NodeJS.Signals): void {
    if (ending.has(signal)) {
      this.#asked++
      for (const callback of this.#onEnding) callback(signal)
    }
    const target = this.#target
    if (target === 'none') return
    if (target === undefined) this.#early.push(signal)
    else if (signal === 'SIGCONT') {
      if (stateOf(target.pid) === 'T') target.signal(signal)
    } else if (!fromTerminal.has(signal) || !haveOneTerminal(statOf('self'), statOf(target.pid))) target.signal(signal)
    if (signal === 'SIGTSTP') this.#stop()
  }

  /**
   * What it does by default, which a handler takes away. That is for the kernel to do: where nobody is left who could
   * continue us and the command (an orphaned process group) it stops neither.
   */
  #stop(): void {
    process.removeAllListeners('SIGTSTP')
    process.kill(process.pid, 'SIGTSTP')
    process.on('SIGTSTP', () => this.#take('SIGTSTP'))
  }
}

/** Whether a terminal that signals one of two processes signals both: they are one group, which is its foreground. */
export function haveOneTerminal(self: string, other: string): boolean {
  const [, , group, , , foreground] = afterName(self)
  return group !== undefined && group === foreground && group === afterName(other)[2]
}

const stateOf = (pid: number): string | undefined => afterName(statOf(pid))[0]

/** The fields of /proc/PID/stat behind the name, which may hold blanks and parentheses: state, ppid, pgrp, session, ... */
const afterName = (stat: string): readonly string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ')

function statOf(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return '' // it has ended
  }
}
