import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { RemotePaths } from '../../../src/host/fs/remote-path.ts'
import { temporary } from '../../support/servers.ts'

test('a path is remote if it, a directory of it, or the target of a link in it is on a remote file system', (t) => {
  const folder = temporary(t)
  const at = (name: string) => join(folder, name)
  for (const name of ['nfs', 'fuse here', 'local']) mkdirSync(at(name))
  symlinkSync('nfs/secrets', at('relative'))
  symlinkSync(at('relative'), at('absolute'))
  symlinkSync('../nfs/../nfs/token', at('local/token'))
  symlinkSync('round', at('round'))
  const mount = (path: string, type: string) => `36 35 98:0 / ${path.replaceAll(' ', '\\040')} rw - ${type} source rw\n`
  const mountinfo = at('mountinfo')
  const root = mount('/', 'fuse.overlay')
  writeFileSync(
    mountinfo,
    root + mount(at('nfs'), 'nfs4') + mount(at('fuse here'), 'fuse.sshfs') + mount(at('local'), 'ext4'),
  )
  const paths = new RemotePaths(mountinfo)
  const isRemote = paths.now()
  for (const name of [
    'nfs',
    'nfs/token',
    'fuse here/a/b',
    'relative/token',
    'absolute',
    'local/token',
    'local/../nfs/x',
  ])
    assert.equal(isRemote(at(name)), true, name)
  for (const name of ['', 'nfsx', 'local', 'local/other', 'missing/nfs', 'round', 'fuse'])
    assert.equal(isRemote(at(name)), false, name)
  writeFileSync(mountinfo, root)
  assert.equal(paths.now()(at('nfs/token')), false)
})

test('without a list of mounts no path is remote', (t) => {
  assert.equal(new RemotePaths(join(temporary(t), 'missing')).now()('/mnt/nfs'), false)
})
