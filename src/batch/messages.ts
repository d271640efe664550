import { defineMessages } from '../util/log.ts'

export const messages = defineMessages('batch', {
  spoolUnreadable: {
    level: 'error',
    text: 'Reading the spool failed, samples of earlier commands are not delivered',
    meaning:
      'The spool in the buffer directory contains the logs of earlier batch commands. hostpush tries to read it again.',
    data: 'stopped',
    action: 'Correct the cause in `err`. `hint` shows the command if permissions are the cause.',
  },
  spoolForbidden: {
    level: 'error',
    text: 'Spool of another user is not readable, its samples are not delivered',
    meaning: 'A batch command ran as another user. `path` is the first of `logs` logs that this user may not read.',
    data: 'stopped',
    action: 'Run the command in `hint`, and run batch commands as the user of the agent.',
  },
  spoolDropped: {
    level: 'error',
    text: 'Undelivered samples of earlier commands dropped',
    meaning: 'The samples exceeded `max_age` or `max_bytes` of the buffer, or the log was corrupt: see `reason`.',
    data: 'lost',
    action: 'Find out why they were not delivered: see the earlier messages of this output.',
  },
  spoolDelivered: {
    level: 'info',
    text: 'Samples of earlier commands delivered',
    meaning: '`snapshots` snapshots that batch commands left in the spool were delivered to the output `name`.',
    data: 'none',
    action: 'None.',
  },
  spoolPending: {
    level: 'debug',
    text: 'Samples of earlier commands are still undelivered',
    meaning: 'They stay in the spool. hostpush retries.',
    data: 'kept',
    action: 'See `reason`.',
  },
  unsupportedVersion: {
    level: 'error',
    text: 'Log in the spool has an unsupported format version, not delivered',
    meaning: 'Another version of hostpush wrote the log of a batch command. hostpush does not change it.',
    data: 'stopped',
    action: 'Deliver it with the version that wrote it, or move the directory of the log away.',
  },
  directoryUnusable: {
    level: 'error',
    text: 'Buffer directory is not usable, undelivered samples of this command will be lost',
    meaning: 'The command buffers its samples in memory. Samples that it has not delivered when it ends are lost.',
    data: 'lost',
    action: 'Follow `hint`.',
  },
  queueFailed: {
    level: 'warn',
    text: 'Queue of concurrent commands failed, continuing without it',
    meaning: 'Commands that run at the same time cannot wait for each other. Their samples may arrive out of order.',
    data: 'kept',
    action: 'Correct the cause in `err`, a problem of the buffer directory.',
  },
  collectionFailed: {
    level: 'error',
    text: 'Collection failed during exec',
    meaning: 'The samples of one interval are missing. The command itself is not affected.',
    data: 'lost',
    action: 'Correct the cause in `err`, or report it with `hostpush support`.',
  },
  hostClaimed: {
    level: 'info',
    text: 'Host metrics are already pushed by another process, this command pushes only those of its job',
    meaning:
      '`pid` is another `hostpush exec`, or the agent, with the same labels and URLs. If it ends first, this command takes over.',
    data: 'none',
    action: 'None. To get host metrics from both, set another `--instance`.',
  },
  jobClaimed: {
    level: 'info',
    text: 'Job is already running in another process, label parallel added',
    meaning:
      'Another `hostpush exec`, `pid`, runs a job with the same labels. The label keeps the series of both apart.',
    data: 'none',
    action: 'None, if the job may run in parallel. Otherwise find out why an earlier run has not ended.',
  },
  claimFailed: {
    level: 'warn',
    text: 'Claim failed, concurrent commands may push the same series',
    meaning: 'Neither the buffer directory nor the directory for temporary files can be used.',
    data: 'kept',
    action: 'Correct what `err` names.',
  },
  agentTookOver: {
    level: 'info',
    text: 'Agent started, it pushes the metrics of this host from now on',
    meaning: '`hostpush exec` stops pushing host metrics. It continues to push the metrics of its command.',
    data: 'none',
    action: 'None.',
  },
})

export const clockMessages = defineMessages('clock', {
  unsetForCommand: {
    level: 'error',
    text: 'Clock is not set, receivers may reject or drop the samples of this command',
    meaning: 'The wall clock shows a time before 2026. A batch command cannot wait until it is set.',
    data: 'lost',
    action:
      'Run the command after time synchronization, for example with `After=time-sync.target` in its systemd unit.',
  },
})
