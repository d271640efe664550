import { defineMessages } from '../util/log.ts'

export const collectorMessages = defineMessages('collector', {
  failed: {
    level: 'error',
    text: 'Collector failed',
    meaning:
      'Samples of this collector are missing. Samples that it emitted before the failure are kept. Logged again when `err` changes.',
    data: 'lost',
    action: 'Correct the cause in `err`, or disable the collector with `--no-collector.NAME`.',
  },
  incomplete: {
    level: 'warn',
    text: 'Collector succeeded, but some of its input was skipped',
    meaning:
      'The collector cannot read or understand the device or file that `err` names, and reports the others. `node_scrape_collector_success` is 1. Logged again when `err` changes.',
    data: 'kept',
    action: 'Correct what `err` names.',
  },
  recovered: {
    level: 'info',
    text: 'Collector recovered',
    meaning: 'The collector succeeds again and reads all its input.',
    data: 'none',
    action: 'None.',
  },
  noData: {
    level: 'debug',
    text: 'Collector has no data',
    meaning: 'The host has no such device or feature.',
    data: 'none',
    action: 'None. To save the reads, disable the collector with `--no-collector.NAME`.',
  },
  duplicates: {
    level: 'error',
    text: 'Duplicate or conflicting samples dropped',
    meaning:
      'Two samples of one series, or two types of one metric name, were collected in one interval. The first is kept. `series` is an example.',
    data: 'lost',
    action:
      'If the series comes from a text file of the textfile collector, rename it there. Otherwise report it with `hostpush support`.',
  },
})

export const hardwareMessages = defineMessages('collector', {
  moved: {
    level: 'info',
    text: 'Collector is slow, moved to a helper process',
    meaning:
      'A file of sysfs, or the collector as a whole, took too long. The collector runs in a helper process until its files have been fast for three intervals. `file` is its slowest file, `read` the time of that read. Logged once for each collector.',
    data: 'none',
    action: 'None. To save the memory of the helper process, disable the collector with `--no-collector.NAME`.',
  },
})

export const clockMessages = defineMessages('clock', {
  unset: {
    level: 'warn',
    text: 'Clock is not set, holding samples in memory',
    meaning: 'The wall clock shows a time before 2026. Samples get their timestamps when the clock is set.',
    data: 'kept',
    action: 'Check the time synchronization (NTP) of this host.',
  },
  behind: {
    level: 'warn',
    text: 'Clock is behind earlier samples, holding samples in memory',
    meaning:
      'The wall clock shows a time before the newest sample, for example after a boot without a battery-backed clock. Samples get their timestamps when the clock is correct.',
    data: 'kept',
    action: 'Check the time synchronization (NTP) of this host.',
  },
  stoppedWhileHolding: {
    level: 'error',
    text: 'Agent stopped before the clock was correct, held samples dropped',
    meaning: 'The samples have no timestamp and cannot be stored.',
    data: 'lost',
    action: 'Check the time synchronization (NTP) of this host.',
  },
  tooManyHeld: {
    level: 'error',
    text: 'Clock is not correct, too many samples held, oldest dropped',
    meaning:
      'Memory for held samples is limited. It is enough for about three hours of 700 series, collected every 15 seconds.',
    data: 'lost',
    action: 'Check the time synchronization (NTP) of this host.',
  },
  overlap: {
    level: 'error',
    text: 'Clock moved backwards, overlapping samples dropped',
    meaning: 'With the corrected clock, these samples are not newer than samples that were already collected.',
    data: 'lost',
    action: 'Check why the clock moved: NTP, a suspended virtual machine, or a manual change.',
  },
  stepped: {
    level: 'warn',
    text: 'Wall clock stepped',
    meaning: 'The wall clock moved by `by`, to a time after the earlier samples.',
    data: 'none',
    action: 'None if time synchronization has just started.',
  },
  steppedUnconfirmed: {
    level: 'warn',
    text: 'Wall clock stepped, sample timestamps continue on the old time',
    meaning:
      'The wall clock moved by `by`. hostpush follows it when a receiver confirms the new time, or after an hour.',
    data: 'none',
    action: 'Check the time synchronization (NTP) of this host if nobody changed the clock.',
  },
  adopted: {
    level: 'info',
    text: 'New wall clock time adopted',
    meaning: 'Sample timestamps follow the wall clock again after a step. `why` is the reason.',
    data: 'none',
    action: 'None.',
  },
  movedBack: {
    level: 'warn',
    text: 'Earlier samples have timestamps in the future, sample time moved back',
    meaning:
      'The clock was ahead when earlier samples were collected. New samples follow the wall clock. Receivers may reject them as out of order until that time has passed.',
    data: 'none',
    action: 'Delete the samples with future timestamps at the receiver if it rejects the new ones.',
  },
  skewed: {
    level: 'warn',
    text: 'Clock skew: this host and the receiver have different times',
    meaning:
      'The clocks differ by a minute or more. Receivers may reject samples that are too far ahead or too old. Each endpoint is compared separately: `receiver` is its name.',
    data: 'none',
    action: 'Check the time synchronization (NTP) of this host.',
  },
  skewEnded: {
    level: 'info',
    text: 'Clock agrees with the receiver again',
    meaning: 'The clocks differ by less than a minute.',
    data: 'none',
    action: 'None.',
  },
})
