import type { IncomingHttpHeaders } from 'node:http'
import {
  createReceiver,
  type Intercept,
  type Receiver,
  type ReceiverOptions,
  type Reply,
} from '../../src/demo-receiver/receiver.ts'
import { type Clock, systemClock } from '../../src/util/clock.ts'

/** The fault of one write request. The receiver stores its samples unless the reply says that it did not. */
export interface FaultPlan {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delayMs?: number
  /** Closes the connection without a reply: before the samples are stored, or after. */
  readonly reset?: 'before' | 'after'
  /** Sends no reply and leaves the connection open. */
  readonly hang?: boolean
  /** Whether the receiver stores the samples, whatever it replies. */
  readonly commit?: boolean
}

/** Gives the fault of the write request with this number, from 1; undefined for a request without a fault. */
export type FaultScript = (number: number, headers: IncomingHttpHeaders) => FaultPlan | undefined

export interface FaultyReceiverOptions extends Partial<ReceiverOptions> {
  readonly faultPlan?: FaultScript
  /** Measures the delays. */
  readonly clock?: Clock
}

/** The demo receiver on a free port of the loopback interface; `faultPlan` decides how each request fails. */
export async function createFaultyReceiver(options: FaultyReceiverOptions = {}): Promise<Receiver> {
  const { faultPlan = () => undefined, clock = systemClock, ...rest } = options
  const closing = new AbortController()
  const intercept: Intercept = async ({ number, headers, socket }, accept) => {
    const plan = faultPlan(number, headers) ?? {}
    if (plan.delayMs !== undefined) await clock.sleep(plan.delayMs, closing.signal)
    const reply = isStored(plan) ? accept() : nothingStored
    if (plan.reset !== undefined) socket.destroy()
    if (plan.reset !== undefined || plan.hang) return undefined
    if (plan.status !== undefined) return { status: plan.status, headers: plan.headers ?? {}, text: plan.body ?? '' }
    return { ...reply, headers: { ...reply.headers, ...plan.headers }, text: plan.body ?? reply.text }
  }
  const receiver = await createReceiver({ listen: { host: '127.0.0.1', port: 0 }, intercept, ...rest })
  const { close } = receiver
  return Object.assign(receiver, {
    close: () => {
      closing.abort()
      return close()
    },
  })
}

const nothingStored: Reply = { status: 204, text: '' }

function isStored({ commit, status, reset, hang = false }: FaultPlan): boolean {
  return commit ?? (status === undefined && reset !== 'before' && !hang)
}
