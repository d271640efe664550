import type { ChildProcess, ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

export type ProgramWords = readonly [file: string, ...args: string[]]

/** A program with its arguments and its whole environment. */
export interface Program {
  readonly words: ProgramWords
  readonly environment: Readonly<Record<string, string | undefined>>
}

interface Events {
  /** A line of its standard output, without the line end. */
  readonly line: (text: string) => void
  /** It has ended, or could not be started. */
  readonly gone: (why: string) => void
}

/**
 * A child process that reads files for this process and may hang without effect on it: it runs in a separate session, does
 * not keep the event loop alive, ends when its standard input is closed, and nothing waits for its end.
 */
export class HelperProcess {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  #rest = ''

  constructor({ words: [file, ...args], environment: env }: Program, { line, gone }: Events) {
    const { spawn } = process.getBuiltinModule('node:child_process') // loaded on demand: 3 ms that most hosts do not need
    const child = spawn(file, args, { detached: true, env, stdio: ['pipe', 'pipe', 'ignore'] })
    this.#process = child
    let isGone = false
    const end = (why: string) => {
      if (!isGone) gone(why)
      isGone = true
    }
    child.on('error', (error) => end(error.message))
    child.on('exit', (status, signal) => end(`${file} ended, ${signal ?? `status ${status}`}`))
    child.unref()
    for (const pipe of [child.stdin, child.stdout]) {
      pipe?.on('error', () => {}) // the child ended: `exit` or `error` reports it
      if (pipe && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
    }
    // without free descriptors there are no pipes; `error` reports it
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const one of lines) line(one)
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  send(line: string): void {
    this.#process.stdin?.write(`${line}\n`)
  }

  /** Ends the child by SIGKILL, and what it has started: at once, or when its system call returns. Does not wait. */
  kill(): void {
    this.#process.stdin?.end()
    this.#process.stdout?.destroy()
    killGroup(this.#process)
  }
}

/**
 * Starts a program without input and output, as independent of this process as a HelperProcess. `ended` gets its exit
 * status, undefined if there is none. Returns the function that kills it.
 */
export function startQuiet(program: Program, ended: (status: number | undefined) => void): () => void {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const { words, environment: env } = program
  const [file, ...args] = words
  const child = spawn(file, args, { detached: true, env, stdio: 'ignore' })
  child.on('error', () => ended(undefined))
  child.on('exit', (status) => ended(status ?? undefined))
  child.unref()
  return () => killGroup(child)
}

function killGroup({ pid, exitCode, signalCode }: Pick<ChildProcess, 'pid' | 'exitCode' | 'signalCode'>): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // the child has already ended
  }
}
