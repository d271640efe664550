import assert from 'node:assert/strict'
import { chown, link, lstat, mkdir, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { chownToOwner, ownershipOf } from '../../../src/buffer/disk/chown.ts'
import { diskAs, type Mode, opened } from '../../../src/buffer/disk/filesystem.ts'
import { temporary } from '../../support/servers.ts'

const other = 65_534

test("only files that root creates in another user's buffer are given to that user", async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give something away')
  const folder = temporary(t)
  const directory = `${folder}/buffer`
  await mkdir(directory)
  assert.equal(await ownershipOf(directory), undefined)
  assert.equal(await ownershipOf(`${folder}/missing`), undefined)
  await chown(directory, other, other)
  const ownership = await ownershipOf(directory)
  const files = diskAs(ownership)
  const uidOf = async (path: string) => (await lstat(path)).uid

  await files.makeDirectory(`${directory}/a/b`)
  for (const name of ['a', 'a/b']) assert.equal(await uidOf(`${directory}/${name}`), other)
  for (const mode of ['create', 'update', 'claim'] satisfies Mode[]) {
    await opened(files, `${directory}/${mode}`, mode, async () => {})
    assert.equal(await uidOf(`${directory}/${mode}`), other)
  }

  for (const name of ['outside', 'linked', 'there']) await writeFile(`${folder}/${name}`, 'kept')
  await symlink(`${folder}/outside`, `${directory}/link`)
  await link(`${folder}/linked`, `${directory}/second name`)
  await writeFile(`${directory}/there`, 'kept')
  await opened(files, `${directory}/there`, 'update', async () => {})
  for (const path of [`${directory}/link`, `${directory}/second name`, `${folder}/there`])
    await chownToOwner(path, ownership)
  for (const path of [`${folder}/outside`, `${folder}/linked`, `${folder}/there`, `${directory}/there`])
    assert.equal(await uidOf(path), 0, path)
})
