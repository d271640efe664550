import { defineMessages } from '../../../src/util/log.ts'

export const messages = defineMessages('json-lines', {
  retrying: {
    level: 'warn',
    text: 'Request with JSON lines failed, retrying',
    meaning: 'A request failed. Its samples stay in the buffer; the next attempt is after `retry_in`.',
    data: 'kept',
    action: 'Follow `hint`.',
  },
  recovered: {
    level: 'info',
    text: 'Requests with JSON lines recovered',
    meaning: 'The receiver accepts requests again. They failed for `after`.',
    data: 'none',
    action: 'None.',
  },
  rejected: {
    level: 'error',
    text: 'Samples rejected, saved as dead letters',
    meaning: 'The receiver rejects these `samples`. It accepts all others.',
    data: 'lost',
    action: 'Follow `hint`. `reason` has the error message of the receiver.',
  },
  internalError: {
    level: 'error',
    text: 'Output of JSON lines failed with an internal error, retrying',
    meaning: 'A bug: the output threw an error. It starts again after a minute.',
    data: 'stopped',
    action: 'Report the error with `hostpush support`.',
  },
})
