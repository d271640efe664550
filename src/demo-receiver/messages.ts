import { defineMessages } from '../util/log.ts'

export const messages = defineMessages('receiver', {
  requestFailed: {
    level: 'debug',
    text: 'Request failed',
    meaning: 'The demo receiver of `hostpush receive` closed a connection without a reply.',
    data: 'none',
    action: 'None: the sender retries.',
  },
})
