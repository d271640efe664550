import assert from 'node:assert/strict'
import { test } from 'node:test'
import mdadm, { parseArray } from '../../src/collectors/mdadm.ts'
import { collect, collectAll } from '../support/collect.ts'
import { type Tree, under } from '../support/tree.ts'

const mdstat = (...arrays: string[]) => ({
  mdstat: `Personalities : [raid1] [raid6]\n${arrays.join('\n')}unused devices: <none>\n`,
})
const array = (id: string, tree: Tree) =>
  under(`block/${id}/md`, { level: 'raid1\n', raid_disks: '2\n', degraded: '0\n', ...tree })
const parse = (text: string) => parseArray(text.split('\n'))

test('an array that is rebuilt is recovering, not active', async () => {
  const proc = mdstat(`md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
      195310144 blocks [2/1] [U_]
      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec

`)
  assert.deepEqual(await collect(mdadm, { proc }), [
    'node_md_blocks{device="md6"} 1.95310144e+08',
    'node_md_blocks_synced{device="md6"} 1.6775552e+07',
    'node_md_disks{device="md6",state="active"} 1',
    'node_md_disks{device="md6",state="failed"} 1',
    'node_md_disks{device="md6",state="spare"} 1',
    'node_md_disks_required{device="md6"} 2',
    'node_md_state{device="md6",state="active"} 0',
    'node_md_state{device="md6",state="check"} 0',
    'node_md_state{device="md6",state="inactive"} 0',
    'node_md_state{device="md6",state="recovering"} 1',
    'node_md_state{device="md6",state="resync"} 0',
  ])
})

test('every state of an array is reported', () => {
  const disks = 'sda1[0] sdb1[1]\n      2048 blocks super 1.2 [2/2] [UU]\n'
  const seen = (head: string, line = '') => {
    const { state, synced } = parse(`md0 : ${head} ${disks}      ${line}`)
    return [state, synced]
  }
  const going = (what: string) => `[=>......]  ${what} =  5.0% (100/2048) finish=17.0min speed=259783K/sec`
  assert.deepEqual(seen('active raid1'), ['active', 2048])
  assert.deepEqual(seen('active (auto-read-only) raid1'), ['active', 2048])
  assert.deepEqual(seen('broken raid1'), ['broken', 2048])
  assert.deepEqual(seen('active raid1', 'bitmap: 0/1 pages [0KB], 65536KB chunk'), ['active', 2048])
  assert.deepEqual(seen('active raid1', going('recovery')), ['recovering', 100])
  assert.deepEqual(seen('active raid1', going('resync')), ['resync', 100])
  assert.deepEqual(seen('active raid1', going('check')), ['check', 100])
  assert.deepEqual(seen('active raid5', going('reshape')), ['reshaping', 100])
  assert.deepEqual(seen('active raid1', `bitmap: 1/1 pages\n      ${going('check')}`), ['check', 100])
  assert.deepEqual(seen('active raid1', 'resync=DELAYED'), ['resync', 0])
  assert.deepEqual(seen('active raid1', 'resync=PENDING'), ['resync', 0])
  assert.deepEqual(seen('active raid1', 'resync=REMOTE'), ['resync', 0])
  assert.deepEqual(seen('active raid1', 'recovery=DELAYED'), ['recovering', 0])
})

test('levels without redundancy count the listed disks, inactive arrays have none', () => {
  const counts = (text: string) => {
    const { required, disks } = parse(text)
    return [required, disks.active, disks.failed, disks.spare]
  }
  assert.deepEqual(
    counts('md1 : active raid0 sdb[2] sdd[1](F) sdc[0](S)\n  322560 blocks super 1.2 512k chunks'),
    [3, 3, 1, 1],
  )
  assert.deepEqual(counts('md1 : active linear sda1[1] sdb1[0]\n  2095104 blocks super 1.2 0k rounding'), [2, 2, 0, 0])
  assert.deepEqual(counts('md1 : inactive sdb[2](S) sdc[1](S)\n  7932 blocks super external:imsm'), [0, 0, 0, 2])
  assert.deepEqual(
    counts('md1 : active raid10 sda[0] sdd[3](F)\n  2048 blocks 256K chunks 2 near-copies [4/3] [UUU_]'),
    [4, 3, 1, 0],
  )
  assert.deepEqual(counts('md1 : active faulty sda3[0]\n  2048 blocks nfaults=0'), [undefined, undefined, 0, 0])
})

test('without members the status is on the first line, and the kernel prints no size', () => {
  const of = (text: string) => {
    const { state, blocks, synced, required, disks } = parse(text)
    return [state, blocks, synced, required, disks.active, disks.failed, disks.spare]
  }
  const none = [undefined, undefined] as const
  assert.deepEqual(of('md126 : active raid5 super 1.2 level 5, 64k chunk, algorithm 2 [4/0] [____]\n      '), [
    'active',
    ...none,
    4,
    0,
    0,
    0,
  ])
  // A bitmap follows on a line that has the place of the size.
  const mirror = 'md1 : broken raid1 super 1.2 [2/0] [__]\n      bitmap: 0/1 pages [0KB], 65536KB chunk'
  assert.deepEqual(of(mirror), ['broken', ...none, 2, 0, 0, 0])
  const pending = 'md1 : active (read-only) raid1 super 1.2 [2/0] [__]\n      \tresync=PENDING'
  assert.deepEqual(of(pending), ['resync', undefined, 0, 2, 0, 0, 0])
  const wide = 'md3 : active raid10 super 1.2 512K chunks 2 near-copies [4/0] [____]'
  assert.deepEqual(of(wide), ['active', ...none, 4, 0, 0, 0])
  assert.deepEqual(of('md4 : active raid0 super 1.2 512k chunks'), ['active', ...none, 0, 0, 0, 0])
  assert.deepEqual(of('md5 : inactive super non-persistent\n       '), ['inactive', ...none, 0, 0, 0, 0])
  assert.deepEqual(of('md127 : inactive super external:imsm\n       '), ['inactive', ...none, 0, 0, 0, 0])
})

test('every mark of a member is known, and the path of a bitmap is not a state', () => {
  const { disks, required, state, blocks } =
    parse(`md6 : active raid6 nvme0n1p1[0] sdb1[7](W)(F) dm-3[2](R) sdd1[9](J) cciss/c0d0p1[5](S)
      1953260544 blocks super 1.2 level 6, 512k chunk, algorithm 18 [5/4] [U_UUU]
      bitmap: 3/15 pages [12KB], 65536KB chunk, file: /var/recovery = 5% (1/2)`)
  assert.deepEqual([disks, required, state, blocks], [{ active: 4, failed: 1, spare: 1 }, 5, 'active', 1953260544])
})

test('an mdstat that cannot be read does not hide what sysfs has', async () => {
  const { lines, success } = await collectAll(mdadm, { proc: { mdstat: { error: 'EIO' } }, sys: array('md0', {}) })
  assert.deepEqual(lines, ['node_md_degraded{device="md0"} 0', 'node_md_raid_disks{device="md0"} 2'])
  assert.equal(success, false)
})

test('an array that cannot be parsed is a failure and does not hide the others', async () => {
  const proc = mdstat(
    'md0 : active raid1 sda1[0]\n      2048 blocks [2/1] [U_]\n\n',
    'md1 : active raid1 sda1[0]\n      x\n\n',
  )
  const { lines, success, logged } = await collectAll(mdadm, { proc })
  assert.deepEqual([lines.length, success], [11, false])
  assert.match(logged.join(), /^error.*md1/)
})

test('sysfs has the level and the number of disks; only redundant arrays can be degraded', async () => {
  const sys = {
    ...array('md0', { raid_disks: '11 (10)\n', degraded: '1\n', sync_completed: 'delayed\n' }),
    ...array('md1', { level: 'raid0\n', degraded: { error: 'ENOENT' } }),
    ...array('md127', { level: 'container\n', degraded: { error: 'ENOENT' } }),
    ...array('md_home', { level: 'raid6\n', raid_disks: '\n' }),
  }
  const { lines, success } = await collectAll(mdadm, { proc: mdstat(), sys })
  assert.equal(success, true)
  assert.deepEqual(lines, [
    'node_md_degraded{device="md0"} 1',
    'node_md_degraded{device="md1"} 0',
    'node_md_degraded{device="md127"} 0',
    'node_md_degraded{device="md_home"} 0',
    'node_md_raid_disks{device="md0"} 11',
    'node_md_raid_disks{device="md1"} 2',
  ])
})

test('a missing attribute is no data, an invalid one a failure', async () => {
  const missing = await collectAll(mdadm, { proc: mdstat(), sys: array('md0', { level: { error: 'ENOENT' } }) })
  assert.match(missing.logged.join(), /^debug/)
  const garbage = await collectAll(mdadm, { proc: mdstat(), sys: array('md0', { degraded: 'x' }) })
  assert.match(garbage.logged.join(), /^error/)
})

test('a kernel without md gives no data, a kernel without arrays gives none', async () => {
  assert.match((await collectAll(mdadm)).logged.join(), /^debug/)
  for (const text of ['', 'Personalities : \nread_ahead 1024 sectors\nunused devices: <none>\n'])
    assert.deepEqual((await collectAll(mdadm, { proc: { mdstat: text } })).success, true)
})
