/**
 * Runs collectors that read hardware, and one that does not: `hardware-agent.ts SYSFS INTERVAL_MS`. Prints each interval as
 * a line of JSON (the type `Interval`). Ends at SIGTERM.
 */

import { openCollectorSet } from '../../src/collect/collector-set.ts'
import { collectors } from '../../src/collectors/index.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { every, systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { valuesOf } from '../support/collect.ts'

export interface Interval {
  readonly missed: number
  readonly tookMs: number
  readonly lines: readonly string[]
  readonly logged: readonly string[]
}

const [, , sysfs = '/sys', interval = '1000'] = process.argv
const intervalMs = Number(interval)
const names = ['loadavg', 'thermal_zone', 'hwmon', 'dmi', 'powersupplyclass']
const helper = `${import.meta.dirname}/hardware-helper.ts`
const logged: string[] = []
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
const set = openCollectorSet(
  {
    collectors: collectors
      .filter(({ name }) => names.includes(name))
      .map((collector) => ({ collector, options: valuesOf(collector.options) })),
    interfaces: () => true,
    identity: {},
    intervalMs,
    paths: { procfs: '/proc', sysfs, rootfs: '/', udevData: '/run/udev/data' },
    timezone: undefined,
    busAddress: undefined,
  },
  {
    clock: systemClock,
    log: createLog(
      'info',
      'logfmt',
      (line) => logged.push(line),
      () => Date.now(),
    ),
    selfMetrics: () => [],
    protection: { program: { words: [process.execPath, helper], environment: {} }, first: 'helper' },
  },
)
for await (const { missed, leftMs } of every(systemClock, { intervalMs, offsetMs: 0 }, stop.signal)) {
  const startedMs = systemClock.monotonicMs()
  const { snapshot } = await set.cycle(systemClock.now(), { stop: stop.signal, withinMs: leftMs * 0.8 })
  const tookMs = systemClock.monotonicMs() - startedMs
  const lines = textOf(snapshot)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  process.stdout.write(`${JSON.stringify({ missed, tookMs, lines, logged: logged.splice(0) } satisfies Interval)}\n`)
}
set.close()
