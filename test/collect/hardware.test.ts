import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openCollectorSet } from '../../src/collect/collector-set.ts'
import type { HardwareProtection } from '../../src/collect/hardware/index.ts'
import { Placement } from '../../src/collect/hardware/placement.ts'
import { SampleReader, SampleWriter } from '../../src/collect/hardware/protocol.ts'
import { type Collector, collector } from '../../src/collector.ts'
import { collectors } from '../../src/collectors/index.ts'
import type { Program } from '../../src/host/index.ts'
import { textOf } from '../../src/metrics/exposition/write.ts'
import { counter, gauge, undatedCounter } from '../../src/metrics/family.ts'
import { ownPattern } from '../../src/metrics/pattern.ts'
import { systemClock } from '../../src/util/clock.ts'
import { createLog } from '../../src/util/log.ts'
import { valuesOf } from '../support/collect.ts'
import { temporary } from '../support/servers.ts'

const hardware = collectors.filter((one) => one.hardware.length > 0)
const cli = new URL('../../src/cli.ts', import.meta.url).pathname
const helper: Program = { words: [process.execPath, cli, 'hardware-helper'], environment: {} }

/** Sysfs with data for each collector that reads hardware, some of it invalid. */
const files: Readonly<Record<string, string>> = {
  'class/thermal/thermal_zone0/type': 'acpitz',
  'class/thermal/thermal_zone0/temp': '42000',
  'class/thermal/thermal_zone1/temp': 'not a number',
  'class/thermal/cooling_device0/type': 'Prözessor "0"',
  'class/thermal/cooling_device0/cur_state': '-1',
  'class/thermal/cooling_device0/max_state': '3',
  'class/hwmon/hwmon0/name': 'coretemp',
  'class/hwmon/hwmon0/temp1_input': '51000',
  'class/hwmon/hwmon0/temp1_label': 'Core 0',
  'class/hwmon/hwmon0/fan1_input': '0',
  'class/hwmon/hwmon1/name': 'other',
  'class/hwmon/hwmon1/temp1_input': '1000',
  'class/dmi/id/sys_vendor': 'ACME',
  'class/power_supply/AC/online': '1',
  'class/power_supply/AC/uevent': 'POWER_SUPPLY_ONLINE=1',
  'class/power_supply/BAT0/temp': '-0',
  'class/nvme/nvme0/cntlid': '1',
  'class/nvme/nvme0/firmware_rev': '1.0',
  'class/nvme/nvme0/model': 'a model',
  'class/nvme/nvme0/serial': '123',
  'class/nvme/nvme0/state': 'live',
  'class/powercap/intel-rapl:0/name': 'package-0',
  'class/powercap/intel-rapl:0/energy_uj': '9007199254740993',
  'class/drm/card0/device/uevent': 'DRIVER=amdgpu',
  'class/drm/card0/device/gpu_busy_percent': '7',
  'devices/system/edac/mc/mc0/ce_count': '1',
  'devices/system/edac/mc/mc0/ce_noinfo_count': '0',
  'devices/system/edac/mc/mc0/ue_count': '2',
  'devices/system/edac/mc/mc0/ue_noinfo_count': '0',
  'devices/system/cpu/offline': '',
  'devices/system/cpu/online': '0',
  'devices/system/cpu/cpufreq/policy0/cpuinfo_cur_freq': '1000000',
  'devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq': '1000000',
  'devices/system/cpu/cpu0/cpufreq/scaling_governor': 'powersave',
  'devices/system/cpu/cpu0/cpufreq/scaling_available_governors': 'performance powersave',
  'bus/pci/devices/0000:00:02.1/class': '0x060400',
  'bus/pci/devices/0000:00:02.1/vendor': '0x1022',
  'bus/pci/devices/0000:00:02.1/device': '0x1634',
  'bus/pci/devices/0000:00:02.1/subsystem_vendor': '0x17aa',
  'bus/pci/devices/0000:00:02.1/subsystem_device': '0x5095',
  'bus/pci/devices/0000:00:02.1/revision': '0x00',
  'bus/pci/devices/0000:00:02.1/current_link_speed': '8.0 GT/s PCIe',
}

/** Collects twice. `lines`: the samples of the second collection without the durations; `logged`: without the time. */
async function collected(
  t: TestContext,
  protection: HardwareProtection | undefined,
  others: readonly Collector[] = [],
) {
  const sysfs = temporary(t)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(sysfs, file)), { recursive: true })
    writeFileSync(join(sysfs, file), `${text}\n`)
  }
  const logged: string[] = []
  const note = (line: string) => void logged.push(line.replace(/^time=\S+ /, '').replaceAll(sysfs, ''))
  const excluded = { 'chip-exclude': ownPattern('other') }
  const set = openCollectorSet(
    {
      collectors: [...others, ...hardware].map((collector) => ({
        collector,
        options: { ...valuesOf(collector.options), ...(collector.name === 'hwmon' && excluded) },
      })),
      interfaces: () => true,
      identity: {},
      intervalMs: 60_000,
      paths: { procfs: '/proc', sysfs, rootfs: '/', udevData: '/run/udev/data' },
      timezone: undefined,
      busAddress: undefined,
    },
    { clock: systemClock, log: createLog('debug', 'logfmt', note, () => 0), selfMetrics: () => [], protection },
  )
  try {
    await set.cycle(systemClock.now())
    const { snapshot } = await set.cycle(systemClock.now())
    const lines = textOf(snapshot).replaceAll(sysfs, '').split('\n')
    return { lines: lines.filter((line) => !line.includes('_collector_duration_')), logged: logged.sort() }
  } finally {
    set.close()
  }
}

test('every collector that DESIGN.md names reads hardware', () => {
  const names = 'cpufreq dmi drm edac hwmon nvme pcidevice powersupplyclass rapl thermal_zone'.split(' ')
  assert.deepEqual(
    hardware.map(({ name }) => name),
    names,
  )
})

test('samples, failures and warnings in a helper process are those in the main process', async (t) => {
  const here = await collected(t, undefined)
  assert.ok(here.lines.length > 100)
  assert.deepEqual(await collected(t, { program: helper, first: 'helper' }), here)
})

test('after a trial, files that answer at once are read in the main process, and no helper starts', async (t) => {
  const broken: Program = { words: ['/nonexistent/helper'], environment: {} }
  assert.deepEqual(await collected(t, { program: broken, first: 'trial' }), await collected(t, undefined))
})

test('a helper process that cannot start is a failure of each collector that needs it, with the reason', async (t) => {
  const broken: Program = { words: ['/nonexistent/helper'], environment: {} }
  const { lines, logged } = await collected(t, { program: broken, first: 'helper' })
  const success = lines.filter((line) => line.startsWith('node_scrape_collector_success'))
  assert.equal(success.length, hardware.length)
  assert.ok(success.every((line) => line.endsWith(' 0')))
  assert.match(logged[0] ?? '', /err="the helper process failed: spawn \/nonexistent\/helper ENOENT"/)
})

test('an asynchronous collector that fails while hardware is tried is a failure of this collector alone', async (t) => {
  const failing = collector({
    name: 'failing',
    about: 'Test.',
    async collect() {
      await Promise.resolve()
      throw new Error('no bus')
    },
  })
  const { lines } = await collected(t, { program: helper, first: 'trial' }, [failing as Collector])
  assert.ok(lines.includes('node_scrape_collector_success{collector="failing"} 0'))
  assert.ok(lines.includes('node_scrape_collector_success{collector="hwmon"} 1'))
})

test('values and families pass between processes unchanged', () => {
  const [writer, reader] = [new SampleWriter(), new SampleReader()]
  const families = [gauge('a', 'A.', ['x', 'b']), counter('b', 'B.'), undatedCounter('c', 'C "quoted" ü.')]
  const values = [0, -0, 0.1, 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53]
  for (let round = 0; round < 2; round++) {
    for (const family of families)
      for (const value of values)
        writer.add(family, value, family.name === 'a' ? { x: `ü"\n${value}`, b: '' } : undefined)
    const empty = { name: '', warnings: [], seconds: 0, slowest: { ms: 0, file: '' }, delayMs: 0 }
    const samples = reader.read(JSON.parse(JSON.stringify({ ...writer.take(), ...empty })))
    const expected = families.flatMap((family) =>
      values.map((value) => [family, value, family.name === 'a' ? { b: '', x: `ü"\n${value}` } : undefined]),
    )
    assert.deepStrictEqual(samples, expected)
  }
})

test('a collector moves after three fast answers in a row, and waits longer after each failure to answer', () => {
  const one = new Placement('thermal_zone', [])
  one.moveTo('helper')
  for (const isFast of [true, true, false, true, true]) one.answered(isFast)
  assert.equal(one.place, 'helper')
  one.answered(true)
  assert.equal(one.place, 'here')
  const waits = [0, 1, 2, 3, 4, 5, 6].map(() => {
    one.failed(new Error('no answer'), 0)
    return (one.problem?.untilMs ?? 0) / 1000
  })
  assert.deepEqual(waits, [30, 60, 120, 240, 480, 600, 600])
  one.answered(false)
  assert.deepEqual([one.problem, one.failures], [undefined, 0])
})
