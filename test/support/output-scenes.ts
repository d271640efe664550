import { readdirSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { OutputSet } from '../../src/agent/output-set.ts'
import { type Buffer, deadLetterDirectory, MemoryBuffer, openBuffer, runsIn } from '../../src/buffer/index.ts'
import { connect } from '../../src/http/index.ts'
import { type ConfiguredOutput, cursorNameOf, type Output, openOutput } from '../../src/output.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { bootId } from './buffer.ts'
import { settled, TestClock } from './clock.ts'
import {
  type Block,
  type ConformanceReceiver,
  collectInto,
  configFile,
  configOf,
  type KindUnderTest,
  snapshots,
  startReceiver,
  stubSender,
  until,
  withoutDeadlines,
} from './output-conformance.ts'
import { temporary } from './servers.ts'
import { commandLine } from './terminal.ts'

/** What a kind needs of a buffer. */
export const cursorFor = ({ isEvery }: KindUnderTest, buffer: Buffer, output: ConfiguredOutput) =>
  isEvery ? { cursor: buffer.cursor(cursorNameOf(output)) } : {}

/** The only output of a configuration. */
export async function configuredOutput(t: TestContext, kind: KindUnderTest, block: Block): Promise<ConfiguredOutput> {
  const [configured] = (await configOf(configFile(t, kind, [block]), kind)).outputs
  if (configured === undefined) throw new Error('no output is configured')
  return configured
}

/** An output with a buffer on disk in front of a receiver. */
export interface Scene {
  readonly receiver: ConformanceReceiver
  readonly output: Output
  readonly configured: ConfiguredOutput
  readonly buffer: Buffer
  /** Collects a snapshot of these values. */
  collect(values: Readonly<Record<string, number>>): void
  /** Waits until that many more requests have arrived. */
  requests(more: number): Promise<void>
  /** Ends the output and its buffer, and opens both again, as a restart of the agent does. */
  restart(): Promise<void>
}

export async function scene(t: TestContext, kind: KindUnderTest, clock: Clock = systemClock): Promise<Scene> {
  let end = async () => {}
  t.after(() => end()) // registered first: it runs before the receiver and the directory are removed
  const receiver = await startReceiver(t, kind)
  const file = configFile(t, kind, [kind.block(receiver.origin)], { buffer: { directory: temporary(t) } })
  const config = await configOf(file, kind)
  const [configured] = config.outputs
  if (configured === undefined) throw new Error('no output is configured')
  const open = async () => {
    const buffer = await openBuffer(config.buffer, { clock: systemClock, log: silent, bootId })
    const output = await openOutput(configured, { clock, log: silent, connect }, cursorFor(kind, buffer, configured))
    end = async () => {
      await output.stop(AbortSignal.abort())
      await buffer.close()
    }
    return { buffer, output }
  }
  let current = await open()
  const snapshot = snapshots()
  return {
    receiver,
    configured,
    get output() {
      return current.output
    },
    get buffer() {
      return current.buffer
    },
    collect: (values) => collectInto(current.buffer, [current.output], snapshot(values)),
    async requests(more) {
      const wanted = receiver.requests + more
      await until(() => receiver.requests >= wanted)
    },
    async restart() {
      await end()
      current = await open()
    },
  }
}

/** An OutputSet of two receivers, `a` and `b`, and a way to give it other blocks. */
export async function reloadScene(t: TestContext, kind: KindUnderTest, clock: Clock = systemClock) {
  let end = async () => {}
  t.after(() => end())
  const [a, b] = [await startReceiver(t, kind), await startReceiver(t, kind)]
  const shape = { buffer: { directory: temporary(t) } }
  const read = (blocks: readonly object[]) => configOf(configFile(t, kind, blocks, shape), kind)
  const buffer = await openBuffer((await read([kind.block(a.origin)])).buffer, {
    clock: systemClock,
    log: silent,
    bootId,
  })
  const set = new OutputSet({ clock, log: silent, connect, buffer, onTime() {}, hasStepped: () => false })
  end = async () => {
    await Promise.all(set.all.map((one) => one.stop(AbortSignal.abort())))
    await buffer.close()
  }
  const snapshot = snapshots()
  return {
    ...{ a, b, set },
    blockA: { ...kind.block(a.origin), name: 'a' },
    blockB: { ...kind.block(b.origin), name: 'b' },
    reload: async (...blocks: readonly Block[]) => (await set.prepare(await read(blocks)))(),
    collect: (load: number) => collectInto(buffer, set.all, snapshot({ load })),
    pending: () => set.all.reduce((sum, { report }) => sum + report.pending, 0),
  }
}

/** An output on the test clock, in front of a stub. */
export async function watchdogScene(t: TestContext, kind: KindUnderTest) {
  const clock = new TestClock()
  const stub = stubSender(kind.success)
  const configured = await configuredOutput(t, kind, kind.block('http://receiver.test'))
  const buffer = new MemoryBuffer(1e6)
  const deps = { clock: withoutDeadlines(clock), log: silent, connect: async () => stub.sender }
  const output = await openOutput(configured, deps, cursorFor(kind, buffer, configured))
  t.after(async () => {
    const stopped = output.stop(AbortSignal.abort())
    await clock.pass(10_000)
    await stopped
  })
  return {
    ...{ clock, stub, output },
    collect: (load: number) => collectInto(buffer, [output], snapshots()({ load }, clock.now())),
    /** Lets time pass and waits until another request goes out: compression is not on the clock. */
    async anotherRequest(ms: number) {
      const seen = stub.dispatched
      await clock.pass(ms)
      await until(() => stub.dispatched > seen)
      await settled()
    },
    /** Lets time pass until all is delivered. */
    delivered: () =>
      until(
        () => output.report.pending === 0,
        async () => {
          await sleep(1)
          await clock.pass(100)
        },
      ),
  }
}

/** Runs command lines with this kind of output alone, and a buffer that they share. */
export function batchScene(t: TestContext, kind: KindUnderTest) {
  const directory = temporary(t)
  const run = (args: readonly string[], input = '') =>
    commandLine(args, { STATE_DIRECTORY: directory }, new AbortController().signal, input, [kind.registered])
  const fileFor = (origin: string, shape = {}) =>
    configFile(t, kind, [{ ...kind.block(origin), name: 'a' }], { buffer: { directory }, ...shape })
  const push = (origin: string, input: string, timeout = '10s') =>
    run(['push', '--job=j', `--config.file=${fileFor(origin)}`, `--timeout=${timeout}`], input)
  return {
    run,
    push,
    fileFor,
    spooled: () => readdirSync(runsIn(directory)).filter((name) => /^\d{15}-/.test(name)).length,
    deadLetters: () => readdirSync(deadLetterDirectory(directory)).length,
  }
}
