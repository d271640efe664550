import { defineMessages } from '../util/log.ts'

export const messages = defineMessages('agent', {
  starting: {
    level: 'info',
    text: 'Agent starting',
    meaning: 'The configuration is valid. The next message says that the agent runs.',
    data: 'none',
    action: 'None.',
  },
  running: {
    level: 'info',
    text: 'Agent running',
    meaning:
      'The agent collects every `interval` and delivers to its outputs. `collectors` is the number of enabled collectors.',
    data: 'none',
    action: 'None.',
  },
  foreignDirectory: {
    level: 'error',
    text: 'Buffer directory belongs to another user, buffering in memory',
    meaning:
      'The agent runs as root and cannot become the owner of the directory. It does not open anything there, because the owner can put links there. Undelivered samples are lost when the agent stops.',
    data: 'stopped',
    action: 'Run the agent as the owner of the directory, or give it CAP_SETUID and CAP_SETGID.',
  },
  noOutput: {
    level: 'warn',
    text: 'No output is configured, only /metrics is served',
    meaning: 'Nothing is pushed anywhere.',
    data: 'none',
    action: 'Add `remote_write` or `pushgateway` to the configuration.',
  },
  ignoredFlag: {
    level: 'info',
    text: 'Flag has no effect',
    meaning: 'The flag exists because node_exporter has it. hostpush collects in one thread.',
    data: 'none',
    action: 'Remove the flag.',
  },
  decided: {
    level: 'info',
    text: 'Default chosen by preset',
    meaning: 'The preset of the only endpoint chose a value that the configuration does not set.',
    data: 'none',
    action: 'Set the key named in `decision` to choose another value.',
  },
  configurationWarning: {
    level: 'warn',
    text: 'Configuration warning',
    meaning: 'A value is valid but probably a mistake, or it has no effect.',
    data: 'none',
    action: 'Correct the key named in `warning`.',
  },
  deprecatedCollector: {
    level: 'warn',
    text: 'Collector is deprecated in node_exporter',
    meaning: 'A later version may remove this collector, as node_exporter announced.',
    data: 'none',
    action: 'Disable it with `--no-collector.NAME` or prepare for its removal.',
  },
  missedIntervals: {
    level: 'warn',
    text: 'Missed collection intervals',
    meaning:
      'A collection took longer than the interval, or the host was suspended. `missed` intervals have no samples. If a collection was the cause, `collection` is its time, `collector` its slowest collector and `collector_duration` the time of that.',
    data: 'kept',
    action: 'Disable the collector with `--no-collector.NAME`, or set a longer interval.',
  },
  outputFailed: {
    level: 'error',
    text: 'Passing a snapshot to an output failed',
    meaning: 'A bug in hostpush: the output threw an error. Other outputs are not affected.',
    data: 'lost',
    action: 'Report the error with `hostpush support`.',
  },
  reloaded: {
    level: 'info',
    text: 'Configuration reloaded',
    meaning: 'The new configuration is in effect.',
    data: 'none',
    action: 'None.',
  },
  reloadFailed: {
    level: 'warn',
    text: 'Configuration reload failed, keeping the previous configuration',
    meaning: 'The file has errors. hostpush logs this message once for each `problem`.',
    data: 'none',
    action: 'Correct the file and send SIGHUP again. `hostpush check` shows the same errors.',
  },
  stopWaits: {
    level: 'info',
    text: 'Stopping: waiting for an output to deliver its samples',
    meaning:
      'The output has `snapshots` undelivered snapshots. The agent stops when they are delivered, after `at_most`, or at a second SIGTERM.',
    data: 'none',
    action: 'None. If a stop must be faster, set a shorter `flush_timeout`.',
  },
  stopForced: {
    level: 'warn',
    text: 'Second stop signal, exiting at once',
    meaning:
      'SIGTERM or SIGINT arrived more than a second after the first one. Samples in a buffer on disk are delivered by the next agent.',
    data: 'kept',
    action: 'None. To let the agent deliver its last samples, send one signal and wait for `flush_timeout`.',
  },
  stoppedClean: {
    level: 'info',
    text: 'Agent stopped, all samples delivered',
    meaning: 'The backlog was empty at the stop.',
    data: 'none',
    action: 'None.',
  },
  stoppedKept: {
    level: 'warn',
    text: 'Agent stopped with undelivered samples, kept in the buffer',
    meaning: 'The next agent on this buffer delivers them.',
    data: 'kept',
    action: 'Start the agent again, or raise `flush_timeout` if the receiver was slow.',
  },
  stoppedLost: {
    level: 'error',
    text: 'Agent stopped with undelivered samples, they are lost',
    meaning: 'The buffer is in memory, the disk failed, or the output has no backlog.',
    data: 'lost',
    action: 'Set `buffer.mode` to `disk`, and repair the disk if an earlier message says that it failed.',
  },
})

export const watchdogMessages = defineMessages('watchdog', {
  restarting: {
    level: 'warn',
    text: 'Sender made no progress, restarting it',
    meaning:
      'The sender `name` has a backlog but has finished no request for `stalled`. hostpush restarts it with a new connection.',
    data: 'kept',
    action: 'None if it happens once. If it repeats, report it with `hostpush support`.',
  },
})
