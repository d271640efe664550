import { below, type OddHost, only, type Tree } from './host.ts'

/* Every array state that drivers/md/md.c prints. */

const mdstat = `Personalities : [raid6] [raid5] [raid4] [linear] [multipath] [raid0] [raid1] [raid10]
md0 : active raid1 sda1[0] sdb1[1]
      976630464 blocks super 1.2 [2/2] [UU]
      bitmap: 1/8 pages [4KB], 65536KB chunk

md1 : active raid1 sda2[0](F) sdb2[1]
      1000 blocks [2/1] [_U]

md2 : active raid5 sda3[0] sdb3[1] sdc3[3]
      2000 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]
      [=>...................]  recovery =  8.5% (85/1000) finish=17.0min speed=259783K/sec

md3 : active raid1 sda4[0] sdb4[1]
      3000 blocks super 1.2 [2/2] [UU]
      [==>..................]  resync = 13.0% (390/3000) finish=50.0min speed=2K/sec

md4 : active raid6 sda5[0] sdb5[1] sdc5[2] sdd5[3]
      4000 blocks super 1.2 level 6, 512k chunk, algorithm 2 [4/4] [UUUU]
      [===>.................]  check = 15.5% (620/4000) finish=50.0min speed=2K/sec

md5 : active raid5 sda6[0] sdb6[1] sdc6[3]
      5000 blocks super 1.2 level 5, 512k chunk, algorithm 2 [4/3] [UUU_]
      [>....................]  reshape =  2.0% (100/5000) finish=50.0min speed=2K/sec

md6 : active raid1 sda7[0] sdb7[1]
      6000 blocks super 1.2 [2/2] [UU]
      	resync=DELAYED

md7 : active (auto-read-only) raid1 sda8[0] sdb8[1]
      7000 blocks super 1.2 [2/2] [UU]
      	resync=PENDING

md8 : active (read-only) raid1 sda9[0] sdb9[1]
      8000 blocks super 1.2 [2/2] [UU]

md9 : active raid10 sda10[0] sdb10[1] sdc10[4](S) sdd10[3](F) sde10[5](R)
      9000 blocks super 1.2 512K chunks 2 near-copies [4/3] [UU_U]
      bitmap: 0/1 pages [0KB], 65536KB chunk

md10 : active raid0 sda11[0] sdb11[1]
      10000 blocks super 1.2 512k chunks

md11 : active linear sdb12[1] sda12[0]
      11000 blocks super 1.2 0k rounding

md12 : active raid5 nvme0n1p1[0](J) sda13[1] sdb13[2](W) sdc13[3]
      12000 blocks super 1.2 level 5, 64k chunk, algorithm 2 [3/3] [UUU]

md13 : inactive sda14[0](S) sdb14[1](S)
      13000 blocks super 1.2

md126 : active raid1 sdc[1] sdd[0]
      14000 blocks super external:/md127/0 [2/2] [UU]

md127 : inactive sdc[1](S) sdd[0](S)
      15000 blocks super external:imsm

md_d0 : active raid4 sda15[0] sdb15[1]
      16000 blocks super 0.91 level 4, 64k chunk, algorithm 0 [2/2] [UU]
      [=======>.............]  recovery=DELAYED

unused devices: <none>
`

const array = (level: string, more: Tree = {}): Tree => ({
  level: `${level}\n`,
  array_state: 'clean\n',
  metadata_version: '1.2\n',
  raid_disks: '2\n',
  uuid: 'b4be4f7e-2f57-4c1c-8a2f-4bb7cc7ee3f5\n',
  chunk_size: '524288\n',
  degraded: '0\n',
  sync_action: 'idle\n',
  sync_completed: 'none\n',
  'dev-sda1/state': 'in_sync\n',
  'dev-sdb1/state': 'spare\n',
  ...more,
})

const arrays: Readonly<Record<string, Tree>> = {
  md0: array('raid1'),
  md1: array('raid1', { degraded: '1\n', 'dev-sda1/state': 'faulty\n' }),
  md2: array('raid5', { degraded: '1\n', sync_action: 'recover\n', sync_completed: '85 / 1000\n', raid_disks: '3\n' }),
  md3: array('raid1', { sync_action: 'resync\n', sync_completed: '390 / 3000\n', array_state: 'active\n' }),
  md4: array('raid6', { sync_action: 'check\n', sync_completed: '620 / 4000\n', raid_disks: '4\n' }),
  md5: array('raid5', { sync_action: 'reshape\n', sync_completed: '100 / 5000\n', raid_disks: '4 (3)\n' }),
  md8: array('raid1', { array_state: 'readonly\n', sync_action: 'frozen\n' }),
  md9: array('raid10', { degraded: '1\n', raid_disks: '4\n', array_state: 'write-pending\n' }),
  md10: array('raid0', { degraded: '\n', sync_action: '\n', sync_completed: '\n' }),
  md126: array('raid1', { metadata_version: 'external:/md127/0\n', array_state: 'active-idle\n' }),
}

/** Lines at which node_exporter loses all arrays. */
const extraTree: Tree = {
  'proc/mdstat': `md50 : active raid1 sda20[0] sdb20[1]
      50 blocks super 1.2 [2/2] [UU]
      \tresync=REMOTE

md51 : active faulty sda21[0]
      51 blocks nfaults=0

md52 : active raid1 sda22[0]
      52 blocks [1/1] [U]
`,
  ...below('sys/block/md51/md', array('faulty')),
  ...below('sys/block/md52/md', array('raid1', { sync_completed: 'delayed\n', sync_action: 'resync\n' })),
}

export const md: readonly OddHost[] = [
  {
    name: 'md',
    tree: {
      'proc/mdstat': mdstat,
      ...Object.assign({}, ...Object.entries(arrays).map(([device, files]) => below(`sys/block/${device}/md`, files))),
    },
    flags: only('mdadm'),
    extraTree,
  },
]
