import type { Dispatcher } from 'undici'
import { createRequester, type Sender, type Target } from '../http/index.ts'

import type { AnswerHead, ProbeAnswer, ProbeRequest } from '../output.ts'
import type { Clock } from '../util/clock.ts'

/** Upper limit of the request timeout, so that the report comes soon. */
const maxAnswerMs = 10_000

/** Sends a request as the agent does: the same connection, credentials, proxy and redirects. */
export async function ask(
  target: Target,
  { body, headers }: ProbeRequest,
  { sender, clock, userAgent }: { readonly sender: Sender; readonly clock: Clock; readonly userAgent: string },
): Promise<ProbeAnswer> {
  const heads: AnswerHead[] = []
  const recording: Sender = {
    dispatch: (options, handler) =>
      sender.dispatch(
        options,
        recordingHandler(handler, (head) => heads.push(head)),
      ),
    ...(sender.secrets && { secrets: sender.secrets }),
    close: () => sender.close(),
    destroy: (error) => sender.destroy(error),
  }
  const timeoutMs = Math.min(target.timeoutMs, maxAnswerMs)
  const requester = createRequester({ ...target, timeoutMs }, recording, clock)
  const outcome = await requester.post(body, { ...headers, 'user-agent': userAgent }, new AbortController().signal)
  return { outcome, heads }
}

/** The same handler, which also passes the head of each response to `onHead`. */
function recordingHandler(
  handler: Dispatcher.DispatchHandler,
  onHead: (head: AnswerHead) => void,
): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (...given) => handler.onRequestStart?.(...given),
    onResponseStart: (controller, status, headers, message) => {
      onHead({ status, headers })
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (...given) => handler.onResponseData?.(...given),
    onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
    onResponseError: (...given) => handler.onResponseError?.(...given),
  }
}
