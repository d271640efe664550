import { defineMessages } from '../util/log.ts'

export const messages = defineMessages('remote-write', {
  firstDelivery: {
    level: 'info',
    text: 'First samples delivered',
    meaning: 'The receiver accepted a request of this endpoint for the first time since the start.',
    data: 'none',
    action: 'None.',
  },
  retrying: {
    level: 'warn',
    text: 'Remote write failed, retrying',
    meaning:
      'A request failed. Its samples stay in the buffer; hostpush sends the same request again after `retry_in`. The delay doubles up to `max_backoff`.',
    data: 'kept',
    action: 'Follow `hint`. If the receiver or the network is down, wait: hostpush retries until it recovers.',
  },
  recovered: {
    level: 'info',
    text: 'Remote write recovered',
    meaning:
      'The receiver answers again. `after` is the time for which requests failed. hostpush now sends the backlog.',
    data: 'none',
    action: 'None.',
  },
  internalError: {
    level: 'error',
    text: 'Sender failed with an internal error, retrying',
    meaning: 'A bug in hostpush: the sender of this endpoint threw an error. It starts again after `max_backoff`.',
    data: 'stopped',
    action: 'Report the error with `hostpush support`. Other endpoints are not affected.',
  },
  alreadyDelivered: {
    level: 'info',
    text: 'Earlier request had been accepted, not sent again',
    meaning: 'The response to a request was lost. The receiver already has the samples of these `snapshots`.',
    data: 'none',
    action: 'None.',
  },
  version2: {
    level: 'info',
    text: 'Receiver supports remote write 2.0',
    meaning: 'hostpush sends remote write 2.0 to this endpoint from now on.',
    data: 'none',
    action: 'None. Set `protobuf_message` to choose a version.',
  },
  version1: {
    level: 'info',
    text: 'Receiver does not support remote write 2.0, using 1.0',
    meaning: 'hostpush sends remote write 1.0 to this endpoint and probes for 2.0 again after a day.',
    data: 'none',
    action: 'None. Set `protobuf_message` to choose a version.',
  },
})

export const rejectionMessages = defineMessages('remote-write', {
  allRejected: {
    level: 'error',
    text: 'Receiver rejects all samples, delivery paused',
    meaning:
      'The receiver rejects the samples and also a test sample. hostpush keeps everything in the buffer and retries after `next_try_in`.',
    data: 'stopped',
    action:
      'Correct the configuration, the limits or the tenant at the receiver. `reason` is the error message of the receiver.',
  },
  tooManyRejected: {
    level: 'error',
    text: 'Receiver rejects too many series, delivery paused',
    meaning:
      'hostpush searches for rejected series with at most 32 requests an hour. That budget is used up, and the search goes on after `next_try_in`. Until then hostpush sends the waiting snapshot once a minute: delivery goes on when the receiver accepts it.',
    data: 'stopped',
    action: 'Correct the cause in `reason`, or drop the rejected series with `write_relabel_configs`.',
  },
  seriesRejected: {
    level: 'error',
    text: 'Series rejected by the receiver, saved as dead letter',
    meaning:
      'The receiver rejects one series and accepts the others. hostpush does not send this series for an hour, then tries it again.',
    data: 'lost',
    action: 'Follow `hint`. `hostpush buffer ls` lists dead letters, `hostpush buffer export` writes them to a file.',
  },
  snapshotsRejected: {
    level: 'error',
    text: 'Snapshots rejected by the receiver, saved as dead letters',
    meaning:
      'The receiver rejects every sample of a snapshot and accepts a test sample, for example because the snapshot is too old. Further snapshots are logged at level debug.',
    data: 'lost',
    action:
      'Follow `hint`. If the samples are too old, set `queue_config.sample_age_limit`, or a longer out-of-order window at the receiver.',
  },
  snapshotsAccepted: {
    level: 'info',
    text: 'Receiver accepts snapshots again',
    meaning: 'The receiver accepted a snapshot after it had rejected whole snapshots.',
    data: 'none',
    action: 'None.',
  },
  samplesRejected: {
    level: 'error',
    text: 'Some samples rejected by the receiver, the others accepted',
    meaning:
      'The receiver reports how many samples of a request it rejected, but not which. They are counted and not saved as dead letters.',
    data: 'lost',
    action: 'Follow `hint`. The log of the receiver may name the series.',
  },
  samplesAccepted: {
    level: 'info',
    text: 'Receiver accepts all samples again',
    meaning: 'The receiver accepted a request in full after it had rejected some samples.',
    data: 'none',
    action: 'None.',
  },
  wroteLess: {
    level: 'error',
    text: 'Receiver returned success but wrote fewer samples than were sent',
    meaning: 'The receiver dropped samples and gave no reason. `samples` were sent, `written` were written.',
    data: 'lost',
    action: 'Look into the log of the receiver for its limits and relabeling rules.',
  },
  duplicateSender: {
    level: 'error',
    text: 'Another sender uses the same labels, samples rejected as out of order',
    meaning:
      'Two senders write the same series, so the receiver rejects samples of both. Often two hosts have the same `instance`.',
    data: 'lost',
    action:
      'Give each host a different `instance` or external label. On cloned machines, set `instance: "${machine_id}"`.',
  },
  duplicateSenderGone: {
    level: 'info',
    text: 'Other sender with the same labels no longer detected',
    meaning: 'For an hour the receiver rejected no samples as out of order.',
    data: 'none',
    action: 'None.',
  },
})

export const partialMessages = defineMessages('remote-write', {
  partRejected: {
    level: 'error',
    text: 'Receiver rejects some series or samples, delivering the others',
    meaning:
      'The receiver stores the good samples of each request and rejects the others. `series` is the number of rejected series found so far, with `examples`; hostpush tries one of them again every five minutes. Their samples are saved as dead letters.',
    data: 'lost',
    action:
      'Follow `hint`. At a limit of series, set `metrics: integration`, drop series with `write_relabel_configs`, or raise the limit; `hostpush estimate` shows how many series each setting saves.',
  },
  seriesAccepted: {
    level: 'info',
    text: 'Receiver accepts all series again',
    meaning: 'The receiver accepted every series after it had rejected some.',
    data: 'none',
    action: 'None.',
  },
})

export const relabelMessages = defineMessages('remote-write', {
  unnamedSeries: {
    level: 'error',
    text: 'Series has no name after relabeling, dropped',
    meaning: 'A relabeling rule removed or emptied `__name__`. Only the first such `series` is logged.',
    data: 'lost',
    action: 'Correct `write_relabel_configs`. To drop a series, use `action: drop`.',
  },
  labelLimit: {
    level: 'error',
    text: 'Series exceeds the label limits, dropped',
    meaning: 'The receiver would reject this series. Only the first such `series` is logged; `why` names the limit.',
    data: 'lost',
    action:
      'Remove or shorten labels with `write_relabel_configs`, or raise the limit that `why` names if the receiver accepts more.',
  },
  duplicateLabels: {
    level: 'error',
    text: 'Two series have the same labels, only the first is sent',
    meaning:
      'A receiver cannot tell two series with the same labels apart. Samples of the second are dropped. Only the first such `series` is logged.',
    data: 'lost',
    action: 'Correct the rule in `write_relabel_configs` that makes their labels equal.',
  },
})
