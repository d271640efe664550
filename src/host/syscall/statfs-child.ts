import type { ChildProcessByStdio } from 'node:child_process'
import { resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pathBytes } from '../fs/text.ts'

/**
 * Reads one path per line and answers with the output of stat(1) and `= STATUS`. `%s` is f_bsize. A path with a line feed
 * has the prefix `b` and the escapes of printf(1); the `.` keeps a line feed at its end.
 */
const loop = `export LC_ALL=C
while IFS= read -r path; do
  case $path in b*) path=$(printf '%b.' "\${path#b}") path=\${path%.} ;; esac
  stat -f -c '%s %b %f %a %c %d' -- "$path" 2>&1
  echo "= $?"
done`

/** Maximum size of an answer; a path of 4096 bytes with its error is far shorter. */
const answerBytes = 65536

export type Command = readonly [file: string, ...args: string[]]
export const shellLoop: Command = ['/bin/sh', '-c', loop]

interface Events {
  /** The child answered for `path`. */
  readonly answered: (path: string, words: string, status: number) => void
  /** The child ended, or could not be started. */
  readonly gone: (child: StatfsChild, why: string) => void
}

/**
 * A child process that may hang without effect on this process: it runs in a separate session, does not keep the event
 * loop alive, ends when its standard input is closed, and nothing waits for its end.
 */
export class StatfsChild {
  /** The path of the open request, one at a time. */
  asked: string | undefined
  askedAtMs = 0
  /** Whether the child has ever answered. */
  proven = false
  #text = ''
  readonly #process: ChildProcessByStdio<Writable, Readable, null>

  constructor([file, ...args]: Command, { answered, gone }: Events) {
    const { spawn } = process.getBuiltinModule('node:child_process') // loaded on demand: 3 ms that most hosts do not need
    const child = spawn(file, args, { detached: true, cwd: '/', stdio: ['pipe', 'pipe', 'ignore'] })
    this.#process = child
    child.on('error', (error) => gone(this, error.message))
    child.on('close', (status, signal) => gone(this, `${file} ended, ${signal ?? `status ${status}`}`))
    child.unref()
    for (const pipe of [child.stdin, child.stdout]) {
      pipe?.on('error', () => {}) // the child ended: `close` or `error` reports it
      if (pipe && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
    }
    // without free descriptors there are no pipes; `error` reports it
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
    // The child's working directory is /, so that it does not block an unmount: make the path absolute.
    const absolute = path.startsWith('/') ? path : resolve(path)
    const escaped = absolute.includes('\n')
      ? `b${absolute.replaceAll('\\', '\\0134').replaceAll('\n', '\\0012')}`
      : absolute
    this.#process.stdin?.write(pathBytes(`${escaped}\n`))
  }

  /** Ends the child: at once, or when its hanging stat(1) returns. Does not wait. */
  end(): void {
    const { pid, exitCode } = this.#process
    if (this.asked !== undefined && pid !== undefined && exitCode === null) killGroup(pid)
    this.#process.stdin?.end()
    this.#process.stdout?.destroy()
  }
}

/** A stat(1) that hangs on NFS can be killed, on FUSE it cannot. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // the child has already ended
  }
}
