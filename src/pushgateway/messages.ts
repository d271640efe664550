import { defineMessages } from '../util/log.ts'

export const messages = defineMessages('pushgateway', {
  firstDelivery: {
    level: 'info',
    text: 'First samples delivered',
    meaning: 'The Pushgateway accepted a push for the first time since the start.',
    data: 'none',
    action: 'None.',
  },
  retrying: {
    level: 'warn',
    text: 'Push failed, retrying with the newest snapshot',
    meaning:
      'A push failed. hostpush pushes again after `retry_in`, with the snapshot that is newest then. A Pushgateway stores one value per series, so it has no use for older snapshots.',
    data: 'kept',
    action: 'Follow `hint`. If the Pushgateway or the network is down, wait: hostpush retries until it recovers.',
  },
  recovered: {
    level: 'info',
    text: 'Push recovered',
    meaning: 'The Pushgateway accepts pushes again. `after` is the time for which pushes failed.',
    data: 'none',
    action: 'None.',
  },
  pushRejected: {
    level: 'error',
    text: 'Push rejected, snapshot dropped',
    meaning: 'The Pushgateway rejects the whole push. hostpush pushes the next snapshot when it is collected.',
    data: 'lost',
    action: 'Follow `hint`. `reason` is the error message of the Pushgateway.',
  },
  internalError: {
    level: 'error',
    text: 'Push failed with an internal error, snapshot dropped',
    meaning: 'A bug in hostpush. hostpush pushes the next snapshot when it is collected.',
    data: 'lost',
    action: 'Report the error with `hostpush support`.',
  },
  deletionRejected: {
    level: 'warn',
    text: 'Deletion of the group rejected',
    meaning: 'The Pushgateway rejects the DELETE that `delete_on_start` or `delete_on_shutdown` asks for.',
    data: 'none',
    action: 'Follow `hint`, or delete the group in the web interface of the Pushgateway.',
  },
  familiesRejected: {
    level: 'error',
    text: 'Metric families rejected, not pushed',
    meaning:
      'The Pushgateway rejects these `families`, mostly because another group has them with another type. hostpush pushes all others and tries the rejected ones again after an hour.',
    data: 'lost',
    action: 'Make all senders use the same type, or delete the group that has another type.',
  },
  familiesAccepted: {
    level: 'info',
    text: 'Pushgateway accepts all metric families again',
    meaning: 'Families that the Pushgateway had rejected are pushed again.',
    data: 'none',
    action: 'None.',
  },
})
