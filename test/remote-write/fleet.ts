import type { Dispatcher } from 'undici'
import { MemoryBuffer } from '../../src/buffer/memory-buffer.ts'
import { offsetOf } from '../../src/config/sections/interval.ts'
import type { Sender } from '../../src/http/types.ts'
import { gauge } from '../../src/metrics/family.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { Endpoint } from '../../src/remote-write/endpoint.ts'
import { type Clock, every } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { endpointOptions } from './options.ts'

interface Sleeper {
  readonly atMs: number
  readonly order: number
  resolve: (() => void) | undefined
}

/** Test clock for many hosts: time jumps to the next timer, which a heap finds. */
export class SimulatedClock implements Clock {
  #nowMs = 0
  #order = 0
  readonly #startMs: number
  readonly #heap: Sleeper[] = []

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  now(): number {
    return this.#startMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  bootMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const calledOff = () => {
        callOff()
        reject(signal?.reason)
      }
      const callOff = this.timer(ms, () => {
        signal?.removeEventListener('abort', calledOff)
        resolve()
      })
      signal?.addEventListener('abort', calledOff, { once: true })
    })
  }

  timer(ms: number, ring: () => void): () => void {
    const sleeper: Sleeper = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, resolve: ring }
    this.#push(sleeper)
    return () => {
      sleeper.resolve = undefined
    }
  }

  /** Advances the time. The callbacks of one timer run to completion before the next timer fires. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const [first] = this.#heap
      if (first === undefined || first.atMs > endMs) break
      this.#nowMs = first.atMs
      while (this.#heap[0]?.atMs === this.#nowMs) this.#pop()?.resolve?.()
    }
    this.#nowMs = endMs
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#heap
    let at = heap.push(sleeper) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(heap[at], heap[parent])) break
      this.#swap(at, parent)
      at = parent
    }
  }

  #pop(): Sleeper | undefined {
    const heap = this.#heap
    this.#swap(0, heap.length - 1)
    const first = heap.pop()
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const child = isBefore(heap[right], heap[left]) ? right : left
      if (!isBefore(heap[child], heap[at])) break
      this.#swap(at, child)
      at = child
    }
    return first
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap
    const kept = heap[one] as Sleeper
    heap[one] = heap[other] as Sleeper
    heap[other] = kept
  }
}

const isBefore = (one: Sleeper | undefined, other: Sleeper | undefined) =>
  one !== undefined && other !== undefined && (one.atMs - other.atMs || one.order - other.order) < 0

/** Response of the receiver: a status and Retry-After in seconds. `down`: connection refused. */
export type Answering = () => { readonly status: number; readonly retryAfter?: number } | 'down'

/** Sender of each host, connected to the simulated receiver, which does not read the body. */
export function modelSender(clock: Clock, answer: Answering): Sender {
  const roundTripMs = 40
  const controller = { abort() {}, pause() {}, resume() {} } as unknown as Dispatcher.DispatchController
  return {
    dispatch(_options, handler) {
      const reply = answer()
      void clock.sleep(roundTripMs).then(() => {
        handler.onRequestStart?.(controller, {})
        if (reply === 'down') {
          const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
          handler.onResponseError?.(controller, refused)
          return
        }
        const { status, retryAfter } = reply
        handler.onResponseStart?.(controller, status, retryAfter ? { 'retry-after': `${retryAfter}` } : {}, '')
        handler.onResponseEnd?.(controller, {})
      })
      return true
    },
    close: async () => {},
    destroy: async () => {},
  }
}

export interface Host {
  readonly endpoint: Endpoint
  /** Number of series per snapshot, and of collected snapshots. */
  readonly series: number
  collected(): number
}

interface Setting {
  readonly clock: Clock
  readonly answer: Answering
  readonly intervalMs: number
  /** Maximum snapshots per request. */
  readonly atOnce: number
  readonly signal: AbortSignal
}

const load = gauge('load', 'How much there is to do.', ['part'])
const parts = ['a', 'b']

/** A host of the fleet: schedule, buffer and endpoint of the agent, with two series. */
export function host(instance: string, { clock, answer, intervalMs, atOnce, signal }: Setting): Host {
  const identity = { job: 'node', instance }
  const builder = new SnapshotBuilder(new SeriesTable(identity))
  const buffer = new MemoryBuffer(1e6)
  const options = endpointOptions('http://receiver/api/v1/write', {
    timeoutMs: 30_000,
    backoff: { minMs: 1000, maxMs: 60_000 },
    maxSamplesPerSend: atOnce * parts.length,
    intervalMs,
    pacing: 'on',
  })
  const cursor = buffer.cursor('default')
  const endpoint = new Endpoint(options, {
    clock,
    log: silent,
    cursor,
    sender: modelSender(clock, answer),
    userAgent: 'model',
  })
  let collected = 0
  const collect = async () => {
    const offsetMs = Math.floor(offsetOf(identity) * intervalMs)
    for await (const _ of every(clock, { intervalMs, offsetMs }, signal)) {
      builder.begin()
      for (const part of parts) builder.add(load, collected, { part })
      const snapshot = builder.end(clock.now())
      buffer.append(snapshot)
      endpoint.onSnapshot({ snapshot, parts: [] })
      collected++
    }
  }
  void collect()
  return { endpoint, series: parts.length, collected: () => collected }
}
