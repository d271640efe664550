/**
 * Runs the filesystem collector at a short interval: `agent.ts PROC`. Prints the samples of each interval as a line of
 * JSON.
 */

import { createCycle } from '../../src/collect/cycle.ts'
import filesystem from '../../src/collectors/filesystem.ts'
import { Dir } from '../../src/host/fs/dir.ts'
import { diskFiles } from '../../src/host/fs/files.ts'
import type { Host } from '../../src/host/open.ts'
import { HostStatfs } from '../../src/host/syscall/statfs.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { SeriesTable } from '../../src/metrics/series.ts'
import { SnapshotBuilder } from '../../src/metrics/snapshot.ts'
import { every, systemClock } from '../../src/util/clock.ts'
import { silent } from '../../src/util/log.ts'
import { valuesOf } from '../support/collect.ts'

const dir = (path: string) => new Dir(diskFiles(path), path)
const none = dir('/nonexistent')
const statfs = new HostStatfs({ clock: systemClock, slowMs: 200 })
// the parts of the host that this collector reads
const host = {
  proc: dir(process.argv[2] ?? '/proc'),
  sys: none,
  rootfs: dir('/'),
  udev: none,
  statfs,
} as unknown as Host
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())
const cycle = createCycle({
  host,
  enabled: [{ collector: filesystem, options: valuesOf(filesystem.options, { 'mount-timeout': 1000 }) }],
  interfaces: () => true,
  builder: new SnapshotBuilder(new SeriesTable()),
  clock: systemClock,
  log: silent,
  deadlineMs: 2000,
  selfMetrics: () => {},
})
for await (const _ of every(systemClock, { intervalMs: 250, offsetMs: 0 }, stop.signal)) {
  const lines = textOf((await cycle(systemClock.now())).snapshot).split('\n')
  process.stdout.write(
    `${JSON.stringify(lines.filter((line) => /^node_(filesystem|scrape_collector_succ)/.test(line)))}\n`,
  )
}
statfs.close()
