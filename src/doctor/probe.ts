import type { Dispatcher } from 'undici'
import { createRequester, type Target } from '../http/request.ts'
import type { Outcome } from '../http/retry/outcome.ts'
import type { Headers, Sender } from '../http/types.ts'

import type { Clock } from '../util/clock.ts'

/** A request that stores nothing. */
export interface Question {
  readonly body: Uint8Array
  readonly headers: Headers
}

/** An answer's head. */
export interface Head {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** What came of a question: how the agent would take it, and every head on the way to the last. */
export interface ProbeResult {
  readonly outcome: Outcome
  readonly heads: readonly Head[]
}

/** Longer than this nobody wants to wait for a report. */
const maxAnswerMs = 10_000

const written = (contentType: string, version: string, bytes: readonly number[]): Question => ({
  body: Uint8Array.from(bytes),
  headers: {
    'content-type': contentType,
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': version,
  },
})

/** A write of no series: the empty message is nothing at all, and snappy writes its length. */
export const emptyV1 = written('application/x-protobuf', '0.1.0', [0])

/** In 2.0 there must be a table of symbols, which begins with the empty one: two bytes, as one literal of snappy. */
export const emptyV2 = written('application/x-protobuf;proto=io.prometheus.write.v2.Request', '2.0.0', [2, 4, 0x22, 0])

/** Asks as the agent does: the same connection, credentials, proxy and redirects. */
export async function ask(
  target: Target,
  { body, headers }: Question,
  { sender, clock, userAgent }: { readonly sender: Sender; readonly clock: Clock; readonly userAgent: string },
): Promise<ProbeResult> {
  const heads: Head[] = []
  const listening: Sender = {
    dispatch: (options, handler) =>
      sender.dispatch(
        options,
        hearing(handler, (head) => heads.push(head)),
      ),
    ...(sender.secrets && { secrets: sender.secrets }),
    close: () => sender.close(),
    destroy: (error) => sender.destroy(error),
  }
  const timeoutMs = Math.min(target.timeoutMs, maxAnswerMs)
  const requester = createRequester({ ...target, timeoutMs }, listening, clock)
  const outcome = await requester.post(body, { ...headers, 'user-agent': userAgent }, new AbortController().signal)
  return { outcome, heads }
}

/** The same handler, overheard. */
function hearing(handler: Dispatcher.DispatchHandler, hear: (head: Head) => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (...given) => handler.onRequestStart?.(...given),
    onResponseStart: (controller, status, headers, message) => {
      hear({ status, headers })
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (...given) => handler.onResponseData?.(...given),
    onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
    onResponseError: (...given) => handler.onResponseError?.(...given),
  }
}
