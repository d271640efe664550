import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { Dir } from '../../src/host/fs/dir.ts'
import { diskFiles } from '../../src/host/fs/files.ts'
import { ProcessTree, parseIo, parseStat, waitedFor } from '../../src/process/process-tree.ts'
import { textFiles } from '../support/tree.ts'

interface Made {
  readonly parent?: number
  readonly start?: number
  /** Hundredths of a second: user, system, and those of the children that it has waited for. */
  readonly ticks?: readonly [user: number, system: number, childUser: number, childSystem: number]
  readonly memoryKb?: readonly [now: number, peak: number]
  readonly bytes?: readonly [read: number, written: number]
  readonly children?: readonly number[]
}

/** The files of one process in /proc. */
function files(pid: number | 'self', made: Made): Record<string, string> {
  const { parent = 1, start = 9, ticks = [0, 0, 0, 0], memoryKb, bytes, children = [] } = made
  const before = `1 1 0 -1 4194304 0 0 0 0`
  return {
    [`${pid}/stat`]: `7 (a b) c) S ${parent} ${before} ${ticks.join(' ')} 20 0 1 0 ${start} 0 0\n`,
    ...(memoryKb && { [`${pid}/status`]: `Name:\ta\nVmHWM:\t${memoryKb[1]} kB\nVmRSS:\t${memoryKb[0]} kB\n` }),
    ...(bytes && {
      [`${pid}/io`]: `rchar: 9\nwchar: 9\nread_bytes: ${bytes[0]}\nwrite_bytes: ${bytes[1]}\ncancelled_write_bytes: 0\n`,
    }),
    [`${pid}/task/${pid}/children`]: children.map((child) => `${child} `).join(''),
  }
}

/** Refreshes a tree once for each of these states of /proc. */
function looks(...states: readonly Readonly<Record<string, Made>>[]) {
  const now: Record<string, string> = files('self', {})
  const proc = new Dir(textFiles(now), '')
  const tree = new ProcessTree(proc, 10, waitedFor(proc.at('self')))
  for (const state of states) {
    for (const path of Object.keys(now)) delete now[path]
    Object.assign(now, files('self', {}))
    for (const [pid, made] of Object.entries(state)) Object.assign(now, files(pid as 'self', made))
    tree.refresh()
  }
  return tree
}

test('usage is the sum of all processes of the tree, and memory the maximum of one refresh', () => {
  const tree = looks(
    {
      10: { ticks: [100, 10, 0, 0], memoryKb: [100, 200], bytes: [4096, 0], children: [11] },
      11: { parent: 10, ticks: [50, 5, 0, 0], memoryKb: [300, 300], bytes: [0, 8192], children: [12] },
      12: { parent: 11, ticks: [1, 1, 0, 0], memoryKb: [50, 60], bytes: [1, 1] },
    },
    { 10: { ticks: [100, 10, 0, 0], memoryKb: [100, 200], bytes: [4096, 0] } },
  )
  assert.equal(tree.peakMemoryBytes, 450 * 1024)
  assert.deepEqual(tree.usage, { userTicks: 151, systemTicks: 16, readBytes: 4097, writtenBytes: 8193 })
})

test('a process that ended between two refreshes is counted once, from its parent’s account', () => {
  const tree = looks(
    { 10: { ticks: [100, 0, 0, 0], children: [11] }, 11: { parent: 10, ticks: [50, 0, 0, 0] } },
    { 10: { ticks: [100, 0, 70, 0] } },
    { self: { ticks: [999, 999, 180, 20], bytes: [500, 100] } },
  )
  assert.equal(tree.usage.userTicks, 180)
  assert.equal(tree.usage.systemTicks, 20)
})

test('a process that outlives its parent is followed, and counts after its end', () => {
  const left: Made = { parent: 1, ticks: [30, 0, 0, 0], memoryKb: [900, 900] }
  const tree = looks(
    { 10: { ticks: [10, 0, 0, 0], children: [11] }, 11: { ...left, parent: 10 } },
    { self: { ticks: [0, 0, 10, 0] }, 11: left },
    { self: { ticks: [0, 0, 10, 0] }, 11: { ...left, ticks: [45, 0, 0, 0] } },
    { self: { ticks: [0, 0, 10, 0] } },
    { self: { ticks: [0, 0, 10, 0] } },
  )
  assert.equal(tree.usage.userTicks, 55)
})

test('a reused pid is a different process', () => {
  const tree = looks(
    { 10: { children: [11] }, 11: { parent: 1, ticks: [30, 0, 0, 0] } },
    { 10: {}, 11: { parent: 1, start: 99, ticks: [500, 0, 0, 0] } },
  )
  assert.equal(tree.usage.userTicks, 30)
})

test('without /proc/PID/io there are no bytes, and a command that has already ended has no peak memory', () => {
  const tree = looks({})
  assert.equal(tree.usage.readBytes, undefined)
  assert.equal(tree.usage.writtenBytes, undefined)
  assert.equal(tree.peakMemoryBytes, undefined)
})

test('usage of the launcher’s children is not counted for the command', () => {
  const now: Record<string, string> = files('self', { ticks: [0, 0, 300, 40], bytes: [7, 7] })
  const proc = new Dir(textFiles(now), '')
  const tree = new ProcessTree(proc, 10, waitedFor(proc.at('self')))
  Object.assign(now, files('self', { ticks: [0, 0, 310, 41], bytes: [9, 7] }))
  tree.refresh()
  assert.deepEqual(tree.usage, { userTicks: 10, systemTicks: 1, readBytes: 2, writtenBytes: 0 })
})

test('process names with spaces and parentheses, and truncated files, are parsed', () => {
  const { parent, startTicks } = parseStat(files('self', { parent: 4, start: 77 })['self/stat'] ?? '')
  assert.deepEqual([parent, startTicks], [4, 77])
  assert.equal(parseStat('').startTicks, 0)
  assert.equal(parseIo('rchar: 1\n').readBytes, undefined)
})

test('CPU time and memory of a real command include the children that it has waited for', async () => {
  const burn = 'while (process.cpuUsage().user < 2e5); globalThis.x = Buffer.alloc(1.5e8, 1); setTimeout(() => {}, 400)'
  const proc = new Dir(diskFiles('/proc'), '/proc')
  const before = waitedFor(proc.at('self'))
  const child = spawn('sh', ['-c', '"$0" -e "$1"; "$0" -e "$1"; exit 0', process.execPath, burn])
  const tree = new ProcessTree(proc, child.pid ?? 0, before)
  const timer = setInterval(() => tree.refresh(), 50)
  await once(child, 'exit')
  clearInterval(timer)
  tree.refresh()
  const { userTicks, systemTicks } = tree.usage
  assert.ok(userTicks >= 38 && userTicks + systemTicks < 1000, `${userTicks} ${systemTicks}`)
  assert.ok((tree.peakMemoryBytes ?? 0) > 1.5e8 && (tree.peakMemoryBytes ?? 0) < 1e9, `${tree.peakMemoryBytes}`)
})
