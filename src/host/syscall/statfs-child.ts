import type { ChildProcessByStdio } from 'node:child_process'
import { resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** Reads a path a line and answers each with what stat(1) printed and `= STATUS`. `%s` is f_bsize. */
const loop = `while IFS= read -r path; do
  LC_ALL=C stat -f -c '%s %b %f %a %c %d' -- "$path" 2>&1
  echo "= $?"
done`

/** Far more than an answer is: what a path of 4096 bytes and its error take. */
const answerBytes = 65536

export type Command = readonly [file: string, ...args: string[]]
export const shellLoop: Command = ['/bin/sh', '-c', loop]

interface Events {
  /** It answered the question about `path`. */
  readonly answered: (path: string, words: string, status: number) => void
  /** It is no more, or never was. */
  readonly gone: (child: StatfsChild, why: string) => void
}

/**
 * A process that can be left to hang: in a session of its own, keeping nothing of this process alive, ended by closing
 * its standard input and never waited for.
 */
export class StatfsChild {
  /** The path it is being asked about, one at a time. */
  asked: string | undefined
  askedAtMs = 0
  /** Whether it has ever answered. */
  proven = false
  #text = ''
  readonly #process: ChildProcessByStdio<Writable, Readable, null>

  constructor([file, ...args]: Command, { answered, gone }: Events) {
    const { spawn } = process.getBuiltinModule('node:child_process') // 3 ms, which most hosts need not wait for
    const child = spawn(file, args, { detached: true, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] })
    this.#process = child
    child.on('error', (error) => gone(this, error.message))
    child.on('close', (status, signal) => gone(this, `${file} ended, ${signal ?? `status ${status}`}`))
    child.unref()
    for (const pipe of [child.stdin, child.stdout]) {
      pipe?.on('error', () => {}) // the process has gone: `close` or `error` says so
      if (pipe && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
    }
    // no pipes where this process has no descriptors left: `error` is about to say so
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#text = (this.#text + text).slice(-answerBytes)
      const [all, words = '', status] = /^(.*?)\n?= (\d+)\n/s.exec(this.#text) ?? []
      const path = this.asked
      if (all === undefined || path === undefined) return
      this.#text = ''
      this.asked = undefined
      this.proven = true
      answered(path, words, Number(status))
    })
  }

  ask(path: string, nowMs: number): void {
    this.asked = path
    this.askedAtMs = nowMs
    // It is in /, so as to keep no other file system busy.
    this.#process.stdin?.write(`${path.startsWith('/') ? path : resolve(path)}\n`)
  }

  /** Lets it end by itself: at once, or when the kernel lets go of its stat(1). Waits for neither. */
  end(): void {
    const { pid, exitCode } = this.#process
    if (this.asked !== undefined && pid !== undefined && exitCode === null) killGroup(pid)
    this.#process.stdin?.end()
    this.#process.stdout?.destroy()
  }
}

/** NFS lets itself be interrupted by this, FUSE does not. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended meanwhile
  }
}
