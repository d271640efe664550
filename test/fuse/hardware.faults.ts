import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Interval } from './hardware-agent.ts'
import { buildServer, ended, mounted, removeServer, skip } from './server.ts'

const intervalMs = 3000
let root = ''
const at = (name: string) => join(root, name)
const zoneFile = () => at('sys/class/thermal/thermal_zone0/temp')

/** Sysfs of a machine with a thermal zone on FUSE. */
const files = {
  'class/thermal/thermal_zone0/type': 'acpitz',
  'class/hwmon/hwmon0/name': 'chip',
  'class/hwmon/hwmon0/temp1_input': '51000',
  'class/dmi/id/sys_vendor': 'ACME',
  'class/power_supply/AC/online': '1',
  'class/power_supply/AC/uevent': 'POWER_SUPPLY_ONLINE=1',
}

before(async () => {
  if (skip) return
  root = await buildServer()
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(at(`sys/${file}`)), { recursive: true })
    await writeFile(at(`sys/${file}`), `${text}\n`)
  }
  await symlink(at('hung/value'), zoneFile())
})
after(() => removeServer(root))

/** An agent beside these mounts, and its intervals. */
function agent(t: TestContext, inside: readonly string[]) {
  const program = [join(import.meta.dirname, 'hardware-agent.ts'), at('sys'), String(intervalMs)]
  const child = spawn('nsenter', [...inside, process.execPath, ...program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => ended(child, 'SIGKILL'))
  const intervals: Interval[] = []
  createInterface(child.stdout).on('line', (line) => intervals.push(JSON.parse(line)))
  return {
    child,
    intervals,
    /** Waits for an interval from number `from` on that meets a condition, and returns its number. */
    async until(what: string, meets: (one: Interval) => boolean, from = 0): Promise<number> {
      for (let i = 0; i < 700; i++) {
        const found = intervals.findIndex((one, n) => n >= from && meets(one))
        if (found >= 0) return found
        await sleep(50)
      }
      assert.fail(`${what}: not in time; last: ${JSON.stringify(intervals.slice(-2), undefined, 1)}`)
    },
  }
}

const succeeds =
  (...names: readonly string[]) =>
  ({ lines }: Interval) =>
    names.every((name) => lines.includes(`node_scrape_collector_success{collector="${name}"} 1`))
const hasTemperature = ({ lines }: Interval) => lines.includes('node_thermal_zone_temp{type="acpitz",zone="0"} 42')
const others = ['dmi', 'hwmon', 'powersupplyclass'] as const

/** The helper processes of an agent. */
function helpersOf({ pid }: ChildProcess): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      const parent = / \S (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'utf8').replace(/.*\)/, ' '))?.[1]
      return parent === String(pid) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('hardware-helper')
    } catch {
      return false // not a process, or it has ended
    }
  })
}

/** No interval was missed, and the collector that reads no hardware succeeded in each. */
function assertOthersUnaffected(intervals: readonly Interval[]): void {
  for (const one of intervals) {
    assert.equal(one.missed, 0)
    assert.ok(succeeds('loadavg')(one))
  }
}

const limits = { skip, timeout: 120_000 }

test(
  'a thermal zone that never answers from the start fails alone, with one log line that names its file',
  limits,
  async (t) => {
    const { server, inside } = await mounted(t, root)
    server.kill('SIGUSR1')
    const { child, intervals, until } = agent(t, inside)
    const hung = await until('failure', ({ logged }) => logged.some((line) => line.includes('no answer in time from')))
    const served = await until('the others', succeeds(...others), hung + 1)
    await until('three more intervals', succeeds(...others), served + 3)
    assertOthersUnaffected(intervals)
    for (const one of intervals.slice(served)) assert.ok(succeeds(...others)(one), JSON.stringify(one))
    for (const one of intervals) assert.equal(succeeds('thermal_zone')(one), false)
    const lines = intervals.slice(hung).flatMap(({ logged }) => logged.filter((line) => line.includes('=thermal_zone')))
    assert.equal(lines.length, 1, lines.join(''))
    assert.match(lines[0] ?? '', new RegExp(`msg="Collector failed".* err="no answer in time from ${zoneFile()}"`))
    await until('the others in the main process', () => helpersOf(child).length === 1)
    server.kill('SIGUSR2') // the helper that hangs could not be killed: it ends when the zone answers
    await until('the end of the helper', () => helpersOf(child).length === 0)
    assert.deepEqual(await ended(child, 'SIGTERM'), [0, null])
  },
)

test('SIGTERM ends an agent while it waits for a thermal zone that does not answer', limits, async (t) => {
  const { server, inside } = await mounted(t, root)
  server.kill('SIGUSR1')
  const { child, until } = agent(t, inside)
  await until('the first interval', () => true)
  assert.deepEqual(await ended(child, 'SIGTERM'), [0, null])
  assert.deepEqual(helpersOf(child), [])
})

test('a thermal zone that hangs later fails alone', limits, async (t) => {
  const { server, inside } = await mounted(t, root)
  const { intervals, until } = agent(t, inside)
  const well = await until('all well', (one) => hasTemperature(one) && succeeds(...others)(one))
  server.kill('SIGUSR1')
  const hung = await until('failure', (one) => !hasTemperature(one), well + 1)
  await until('three more intervals', () => true, hung + 3)
  assertOthersUnaffected(intervals)
  assert.ok(succeeds(...others)(intervals[hung] as Interval), JSON.stringify(intervals.slice(well), undefined, 1))
  assert.ok(intervals.slice(hung).every((one) => !succeeds('thermal_zone')(one)))
})

test(
  'a slow thermal zone stays in the helper process, moves when it is fast, and back at the first slow read',
  limits,
  async (t) => {
    const { server, inside } = await mounted(t, root)
    server.kill('SIGHUP')
    const { child, intervals, until } = agent(t, inside)
    const slow = await until('a temperature', hasTemperature)
    await until('five intervals', hasTemperature, slow + 5)
    assert.ok(helpersOf(child).length > 0)
    server.kill('SIGUSR2')
    await until('no helper', () => helpersOf(child).length === 0)
    const fast = intervals.length
    await until('two intervals without a helper', hasTemperature, fast + 2)
    server.kill('SIGHUP')
    const moved = await until(
      'the move',
      ({ logged }) => logged.some((line) => line.includes('moved to a helper')),
      fast,
    )
    await until('a temperature from the helper', hasTemperature, moved + 2)
    assert.ok(helpersOf(child).length > 0)
    assertOthersUnaffected(intervals)
    const [line = ''] = intervals[moved]?.logged ?? []
    assert.match(line, new RegExp(`collector=thermal_zone file=${zoneFile()} read=\\d+ms`))
  },
)
