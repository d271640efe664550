import { statSync } from 'node:fs'
import type { Clock } from '../../util/clock.ts'
import { type Log, messageOf, report, silent } from '../../util/log.ts'
import { StateRate } from '../../util/log-rate.ts'
import { readRegular } from '../../util/regular-file.ts'
import { messages } from './messages.ts'
import { ChildFiles, type RemoteFiles } from './remote-files.ts'
import { stampOf } from './stamp.ts'

interface Deps {
  readonly clock: Clock
  readonly remote?: RemoteFiles
}

/**
 * The files that the configuration names: tokens, certificates, the web configuration. Each must be a regular file within a
 * size. While one cannot be read, its last valid content is used; this is logged once.
 *
 * A file on a local file system is read at once. One on a remote file system is read by a child process, because the
 * server may not answer: a use of it starts the read, and the next use gets the new content.
 */
export class ConfiguredFiles {
  readonly #clock: Clock
  readonly #remote: RemoteFiles
  #log: Log = silent

  constructor({ clock, remote = new ChildFiles({ clock }) }: Deps) {
    this.#clock = clock
    this.#remote = remote
  }

  /** Where faults of files are logged from now on. */
  reportTo(log: Log): void {
    this.#log = log
  }

  /** Reads a file once. Rejects if it cannot be read. */
  async read(path: string, maxBytes: number): Promise<Buffer> {
    if (!this.#remote.remotePaths()(path)) return readRegular(path, maxBytes).bytes
    const file = await this.#remote.read(path, maxBytes, '')
    return file === 'unchanged' ? Buffer.alloc(0) : Buffer.from(file.bytes)
  }

  /**
   * Reads a file now, and again with each call of `current` if it has changed. Rejects if it cannot be read or `make`
   * throws. Later `current` returns the last valid result.
   */
  async open<T>(path: string, maxBytes: number, make: (bytes: Buffer) => T): Promise<OpenFile<T>> {
    const { file, opened } = this.#file(path, maxBytes, make)
    await file.first()
    return opened
  }

  /** As `open`, but the file is first read by `current`, which throws until the file was read. */
  later<T>(path: string, maxBytes: number, make: (bytes: Buffer) => T): OpenFile<T> {
    return this.#file(path, maxBytes, make).opened
  }

  #file<T>(path: string, maxBytes: number, make: (bytes: Buffer) => T) {
    const faultLog = () => {
      const state = new StateRate(this.#clock)
      return (err: string | undefined) => {
        if (!state.set(err !== undefined)) return
        report(this.#log, err === undefined ? messages.recovered : messages.unreadable, { path, err })
      }
    }
    const onFault = faultLog()
    const file = new ConfiguredFile({ path, maxBytes, make, onFault, clock: this.#clock, remote: this.#remote })
    const opened: OpenFile<T> = { current: () => file.current(), report: faultLog() }
    return { file, opened }
  }

  close(): void {
    this.#remote.close()
  }
}

export interface OpenFile<T> {
  current(): T
  /** Logs that the content cannot be used, or with undefined that it can, once for each change. */
  report(fault: string | undefined): void
}

interface FileParts<T> {
  readonly path: string
  readonly maxBytes: number
  readonly make: (bytes: Buffer) => T
  readonly clock: Clock
  readonly remote: RemoteFiles
  /** Called with the fault of each read; undefined if there is none. */
  readonly onFault: (fault: string | undefined) => void
}

class ConfiguredFile<T> {
  readonly #parts: FileParts<T>
  #value: { readonly made: T } | undefined
  /** The stamp of the valid content. Empty after a fault. */
  #stamp = ''
  #isReading = false
  #fault: unknown

  constructor(parts: FileParts<T>) {
    this.#parts = parts
    this.#fault = new Error(`${parts.path}: not read yet`)
  }

  /** Reads the file. Rejects if it is not readable or not valid. */
  async first(): Promise<void> {
    if (this.#isRemote) await this.#readRemote()
    else this.#readLocal()
  }

  /** The last valid content. */
  current(): T {
    if (this.#isRemote) this.#refreshRemote()
    else this.#refreshLocal()
    if (this.#value === undefined) throw this.#fault
    return this.#value.made
  }

  get #isRemote(): boolean {
    return this.#parts.remote.remotePaths()(this.#parts.path)
  }

  #refreshLocal(): void {
    try {
      this.#readLocal()
    } catch (error) {
      this.#fail(error)
    }
  }

  #readLocal(): void {
    const { path, maxBytes, clock } = this.#parts
    const status = statSync(path, { bigint: true, throwIfNoEntry: false })
    const stamp = status === undefined ? '' : stampOf(status, clock.now())
    if (stamp !== '' && stamp === this.#stamp) return
    this.#accept(readRegular(path, maxBytes).bytes, stamp)
  }

  #refreshRemote(): void {
    if (this.#isReading) return
    this.#isReading = true
    void this.#readRemote()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isReading = false
      })
  }

  async #readRemote(): Promise<void> {
    const { path, maxBytes, remote, onFault } = this.#parts
    const answer = await remote.read(path, maxBytes, this.#stamp)
    if (answer === 'unchanged') onFault(undefined)
    else this.#accept(Buffer.from(answer.bytes), answer.stamp)
  }

  #accept(bytes: Buffer, stamp: string): void {
    this.#value = { made: this.#parts.make(bytes) }
    this.#stamp = stamp
    this.#parts.onFault(undefined)
  }

  #fail(error: unknown): void {
    this.#stamp = ''
    this.#fault = error
    if (this.#value !== undefined) this.#parts.onFault(messageOf(error)) // otherwise `current` throws it
  }
}
