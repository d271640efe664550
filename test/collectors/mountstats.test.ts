import assert from 'node:assert/strict'
import { test } from 'node:test'
import mountstats, { parseMountstats } from '../../src/collectors/mountstats.ts'
import { collect, collectAll } from '../support/collect.ts'

const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i).join(' ')
const nfs = (at: string, transports: readonly string[], operations: readonly string[] = [], type = 'nfs4') =>
  [
    `device srv:/a mounted on ${at} with fstype ${type} statvers=1.1`,
    '\topts:\trw,vers=4.2,proto=tcp',
    '\tage:\t77',
    '\tcaps:\tcaps=0xfff7,wtmult=512',
    '\tsec:\tflavor=1,pseudoflavor=1',
    `\tevents:\t${count(1, 27)}`,
    `\tbytes:\t${count(101, 108)}`,
    '\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)',
    ...transports.map((one) => `\txprt:\t${one}`),
    '\tper-op statistics',
    ...operations.map((one) => `\t${one}`),
    '',
  ].join('\n')
const info = (at: string, addr: string, type = 'nfs4') => `70 29 0:42 / ${at} rw - ${type} srv:/a rw,addr=${addr}`
const host = (stats: string[], mounts: string[]) => ({
  proc: { 'self/mountstats': `${stats.join('\n')}\n`, 'self/mountinfo': `${mounts.join('\n')}\n` },
})
const short = (lines: readonly string[]) => lines.map((line) => line.replace('node_mountstats_nfs_', ''))
const tcp = `tcp ${count(201, 213)}`
const disk = 'device /dev/sda1 mounted on / with fstype ext4'
const diskInfo = '29 1 8:1 / / rw - ext4 /dev/sda1 rw'

test('it reports the counters of a mount by column', async () => {
  const lines = await collect(mountstats, host([disk, nfs('/mnt', [tcp])], [diskInfo, info('/mnt', '10.0.0.9')]))
  const labels = '{export="srv:/a",mountaddr="10.0.0.9",protocol="tcp"'
  for (const line of [
    `age_seconds_total${labels}} 77`,
    `read_bytes_total${labels}} 101`,
    `direct_write_bytes_total${labels}} 104`,
    `total_write_bytes_total${labels}} 106`,
    `write_pages_total${labels}} 108`,
    `event_inode_revalidate_total${labels}} 1`,
    `event_vfs_file_release_total${labels}} 18`,
    `event_truncation_total${labels}} 20`,
    `event_pnfs_write_total${labels}} 27`,
    `transport_bind_total${labels},transport="0"} 202`,
    `transport_connect_total${labels},transport="0"} 203`,
    `transport_idle_time_seconds${labels},transport="0"} 205`,
    `transport_sends_total${labels},transport="0"} 206`,
    `transport_bad_transaction_ids_total${labels},transport="0"} 208`,
    `transport_backlog_queue_total${labels},transport="0"} 210`,
    `transport_maximum_rpc_slots${labels},transport="0"} 211`,
    `transport_pending_queue_total${labels},transport="0"} 213`,
  ])
    assert.ok(short(lines).includes(line), line)
  assert.equal(lines.length, 2 + 8 + 26 + 10)
})

test('it reports operations by column, times in seconds, also negative sums', async () => {
  const operations = ['        READ: 1 2 3 4 5 6000 7000 8000 9', '      ACCESS: 1 1 0 4 5 18446743919241604546 1 2']
  const lines = short(await collect(mountstats, host([nfs('/mnt', [tcp], operations)], [info('/mnt', 's')])))
  const of = (name: string, operation: string) =>
    lines.find((line) => line.startsWith(`operations_${name}`) && line.includes(`"${operation}"`))?.split(' ')[1]
  const names = ['requests', 'transmissions', 'major_timeouts', 'sent', 'received', 'queue', 'response', 'request_time']
  assert.deepEqual(
    names.map((name) => of(name, 'READ')),
    ['1', '2', '3', '4', '5', '6', '7', '8'],
  )
  assert.equal(of('queue', 'ACCESS'), '9.007044786793922e+12')
})

test('the columns of a transport depend on its protocol; several transports are numbered', async () => {
  const of = async (...transports: string[]) =>
    short(await collect(mountstats, host([nfs('/mnt', transports)], [info('/mnt', 's')])))
      .filter((line) => line.startsWith('transport_'))
      .map((line) => line.replace(/^transport_(.*)\{.*protocol="(.*)",transport="(.*)"\}/, '$2 $3 $1'))
  const udp = await of(`udp ${count(201, 210)}`)
  assert.ok(udp.includes('udp 0 bind_total 202') && udp.includes('udp 0 sends_total 203'))
  assert.ok(udp.includes('udp 0 pending_queue_total 210') && udp.includes('udp 0 connect_total 0'))
  const rdma = await of(`rdma ${count(201, 228)}`)
  assert.ok(rdma.includes('rdma 0 connect_total 203') && rdma.includes('rdma 0 backlog_queue_total 210'))
  assert.equal(rdma.length, 7)
  const two = await of(tcp, `tcp ${count(301, 313)}`)
  assert.ok(two.includes('tcp 0 sends_total 206') && two.includes('tcp 1 sends_total 306'))
  assert.deepEqual(await of(`local ${count(201, 210)}`), [])
})

test('an export that is mounted twice is counted once, and each mount point is named', async () => {
  const stats = [nfs('/a', [tcp]), nfs('/b', [tcp]), nfs('/b', [`udp ${count(1, 10)}`], [], 'nfs')]
  const lines = await collectAll(
    mountstats,
    host(stats, [info('/a', '10.0.0.9'), info('/b', '10.0.0.9'), info('/b', '10.0.0.8', 'nfs')]),
  )
  assert.deepEqual(
    short(lines.lines).filter((line) => /^(age|mountpoint)_/.test(line)),
    [
      'age_seconds_total{export="srv:/a",mountaddr="10.0.0.8",protocol="udp"} 77',
      'age_seconds_total{export="srv:/a",mountaddr="10.0.0.9",protocol="tcp"} 77',
      'mountpoint_info{export="srv:/a",mountaddr="10.0.0.8",mountpoint="/b",protocol="udp"} 1',
      'mountpoint_info{export="srv:/a",mountaddr="10.0.0.9",mountpoint="/a",protocol="tcp"} 1',
      'mountpoint_info{export="srv:/a",mountaddr="10.0.0.9",mountpoint="/b",protocol="tcp"} 1',
    ],
  )
  assert.deepEqual(lines.logged, [])
})

test('if the two files disagree the mount point gives the server, or the label is empty', async () => {
  const server = async (...mounts: string[]) => {
    const lines = await collect(mountstats, host(['no device mounted on /x with fstype y', nfs('/mnt', [tcp])], mounts))
    return /mountaddr="(.*?)"/.exec(lines[0] ?? '')?.[1]
  }
  assert.equal(await server(info('/mnt', '10.0.0.9'), diskInfo), '10.0.0.9')
  assert.equal(await server(diskInfo), '')
})

test('a host without NFS mounts gives no samples and no failure', async () => {
  const { lines, success } = await collectAll(mountstats, host([disk], [diskInfo]))
  assert.deepEqual([lines, success], [[], true])
})

test('truncated mounts give fewer samples, invalid lines are failures', async () => {
  const whole = nfs('/mnt', [tcp], ['        READ: 1 2 3 4 5 6 7 8'])
  for (let end = whole.indexOf('statvers'); end < whole.length; end += 7) {
    const [mount] = parseMountstats(whole.slice(0, end))
    assert.equal(mount?.mountpoint, '/mnt')
  }
  assert.throws(() => [...parseMountstats('device srv:/a\n')], /is not a mount/)
  assert.throws(() => [...parseMountstats(`${whole.split('\n')[0]}\n\tbytes:\tx y\n`)], /is not a line of counters/)
  assert.equal((await collectAll(mountstats)).success, false)
})
