import { type Collector, type Context, type Emit, NoData } from '../../collector.ts'
import { type Dir, type OpenHost, openHost } from '../../host/index.ts'
import type { Family, Labels } from '../../metrics/index.ts'
import { systemClock } from '../../util/clock.ts'
import { messageOf } from '../../util/log.ts'
import {
  beforeRead,
  noRead,
  optionsFrom,
  type Reply,
  type Request,
  SampleWriter,
  type Setup,
  type SlowestRead,
} from './protocol.ts'
import { runDelayMs } from './run-delay.ts'

/** Runs one collector and returns its reply. */
type Runner = (now: number) => Reply

/**
 * The helper process: runs collectors on request, one after another. A file that never answers blocks it, which the other
 * process notices. `write` gets each line with its line end.
 */
export class HardwareHelper {
  readonly #collectors: readonly Collector[]
  readonly #write: (line: string) => void
  readonly #runners = new Map<string, Runner>()
  readonly #samples = new SampleWriter()
  #host: OpenHost | undefined
  #slowest: SlowestRead = noRead

  constructor(collectors: readonly Collector[], write: (line: string) => void) {
    this.#collectors = collectors
    this.#write = write
  }

  async handle(line: string): Promise<void> {
    const message = JSON.parse(line) as Setup | Request
    if ('host' in message) await this.#setUp(message)
    else if ('run' in message) {
      const reply = this.#runners.get(message.run)?.(message.now)
      if (reply !== undefined) this.#write(`${JSON.stringify(reply)}\n`)
    } else this.#endInterval()
  }

  close(): void {
    this.#host?.close()
  }

  async #setUp({ host: options, collectors }: Setup): Promise<void> {
    const host = openHost(options, systemClock)
    this.#host = host
    const sys = host.observedSys({
      before: (file) => this.#write(`${beforeRead}${file.replaceAll('\n', '?')}\n`),
      after: (file, ms) => {
        if (ms > this.#slowest.ms) this.#slowest = { ms, file }
      },
    })
    for (const [name, plain] of collectors) {
      const collector = this.#collectors.find((one) => one.name === name)
      if (collector === undefined) throw new Error(`no collector ${name}`)
      const values = await optionsFrom(collector, plain)
      const state = collector.state(values)
      this.#runners.set(name, (now) => this.#run(collector, { ...host, sys, now, options: values, state }, host.self))
    }
  }

  #run(
    { name, collect }: Collector,
    parts: Omit<Context, 'emit' | 'warn' | 'signal' | 'interfaces'>,
    self: Dir,
  ): Reply {
    const warnings: string[] = []
    const startedMs = systemClock.monotonicMs()
    const delayMs = runDelayMs(self)
    this.#slowest = noRead
    let failure: Reply['error']
    try {
      collect({
        ...parts,
        emit: ((family: Family, value: number | undefined, labels?: Labels) => {
          if (value !== undefined) this.#samples.add(family, value, labels)
        }) as Emit,
        warn: (text) => void warnings.push(text),
        signal: notAborted,
        interfaces: notHere,
      })
    } catch (error) {
      failure = { isNoData: error instanceof NoData, text: messageOf(error) }
    }
    return {
      name,
      ...this.#samples.take(),
      warnings,
      ...(failure && { error: failure }),
      seconds: (systemClock.monotonicMs() - startedMs) / 1000,
      slowest: this.#slowest,
      delayMs: runDelayMs(self) - delayMs,
    }
  }

  #endInterval(): void {
    if (this.#host === undefined) return
    const { proc, sys, rootfs, udev } = this.#host
    for (const tree of [proc, sys, rootfs, udev]) tree.endCycle()
  }
}

/** The other process ends this one at its deadline. */
const notAborted = new AbortController().signal

const notHere = (): never => {
  throw new Error('the filter of network interfaces does not exist in the helper process')
}
