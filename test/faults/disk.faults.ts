import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Running } from '../support/servers.ts'
import { numbersIn, onItsOwnDisk, type Spoilt, times, whatIsMissing } from './disk.ts'
import { faultless, verdictText } from './judge.ts'
import { rig } from './rig.ts'

const missing = whatIsMissing()
const skip = process.env['CI'] === 'true' || missing === '' ? false : `no disk error can be injected: ${missing}`

const failed = /Buffer disk is not writable, buffering in memory/
const recovered = /Buffer disk recovered/

interface Ill {
  readonly mount: (folder: string) => string
  readonly spoil: (folder: string) => string
  readonly mend: (folder: string) => string
}

const tmpfs = (folder: string) => `mount -t tmpfs -o size=2m none ${folder}/disk`
const illnesses: Readonly<Record<string, Ill>> = {
  'a full disk': {
    mount: tmpfs,
    spoil: (folder) => `dd if=/dev/zero of=${folder}/disk/ballast bs=4k 2>/dev/null || true`,
    mend: (folder) => `rm ${folder}/disk/ballast`,
  },
  // after an error in the file system the kernel remounts it read-only: writes fail, and open files return EIO
  'a file system that was remounted read-only after an error': {
    mount: (folder) =>
      `truncate -s 16M ${folder}/image && mkfs.ext4 -q ${folder}/image && ` +
      `mount -o loop,errors=remount-ro ${folder}/image ${folder}/disk`,
    spoil: (folder) => `echo fault > /sys/fs/ext4/$(basename $(findmnt -no SOURCE ${folder}/disk))/trigger_fs_error`,
    // like an administrator: mounts the repaired volume again, while the agent keeps descriptors of the old one
    mend: (folder) =>
      `umount -l ${folder}/disk && cp ${folder}/image ${folder}/repaired && ` +
      `(e2fsck -fy ${folder}/repaired || [ $? = 1 ]) && mount -o loop ${folder}/repaired ${folder}/disk`,
  },
  // writes succeed, and the next sync reports what the kernel could not write
  'a thin volume that has run out, so that syncs fail': {
    mount: (folder) =>
      `mkdir ${folder}/below && mount -t tmpfs -o size=8m none ${folder}/below && truncate -s 64M ${folder}/below/image && ` +
      `mkfs.ext4 -q -O ^has_journal ${folder}/below/image && mount -o loop ${folder}/below/image ${folder}/disk`,
    spoil: (folder) => `dd if=/dev/zero of=${folder}/below/ballast bs=4k 2>/dev/null || true`,
    mend: (folder) => `rm ${folder}/below/ballast`,
  },
}

for (const [name, { mount, spoil, mend }] of Object.entries(illnesses)) {
  test(`${name}: everything is sent, the failure is logged once, and the disk is used again after the recovery`, {
    skip,
  }, async (t) => {
    const { scene, agent, inside } = await onItsOwnDisk(t, mount)
    await sleep(1000)
    inside(spoil(scene.folder))
    await agent.until(failed)
    const before = numbersIn(scene.receiver.ledger).length
    await sleep(1500)
    const during = numbersIn(scene.receiver.ledger).length - before
    inside(mend(scene.folder))
    await agent.until(recovered)
    await judged(t, name, { scene, agent, inside })
    assert.ok(during > 20, `only ${during} snapshots arrived while the disk failed`)
  })
}

test('a directory that is removed while it is in use is created again, and nothing is lost', async (t) => {
  const scene = await rig(t)
  const agent = await scene.agent({ hurryMs: 300 })
  await sleep(1000)
  rmSync(join(scene.folder, 'buffer'), { recursive: true, force: true })
  await agent.until(/directory was removed/)
  await judged(t, 'directory removed', { scene, agent, inside: () => {} })
})

/** Checks that the agent lost nothing, in one process. */
async function judged(t: TestContext, name: string, { scene, agent }: Spoilt): Promise<void> {
  await sleep(1000)
  const verdict = await scene.finish(agent)
  const numbers = numbersIn(scene.receiver.ledger)
  const gone = (numbers.at(-1) ?? 0) - new Set(numbers).size
  t.diagnostic(`${verdictText(name, verdict)}; of ${numbers.at(-1)} collected ${gone} missing`)
  assert.deepEqual([verdict, gone], [{ ...verdict, ...faultless }, 0])
  assert.ok(isQuiet(agent), agent.output())
}

/** Each change of state is logged once. A full disk may recover and fail again several times. */
function isQuiet(agent: Running): boolean {
  const states = agent
    .output()
    .split('\n')
    .flatMap((line) => (failed.test(line) ? ['failed'] : recovered.test(line) ? ['recovered'] : []))
  const alternates = states.every((state, i) => state !== states[i - 1])
  return alternates && times(agent.output(), /level=ERROR/) === 0
}
