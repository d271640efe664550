import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultDirectory } from '../../src/buffer/paths.ts'

test('the default directory is the state directory of the service, of root, or of the user', () => {
  assert.equal(
    defaultDirectory({ STATE_DIRECTORY: '/var/lib/private/x:/var/lib/y', HOME: '/h' }, 0),
    '/var/lib/private/x',
  )
  assert.equal(defaultDirectory({ HOME: '/root' }, 0), '/var/lib/hostpush')
  assert.equal(defaultDirectory({ HOME: '/h', XDG_STATE_HOME: '/s' }, 1000), '/s/hostpush')
  assert.equal(defaultDirectory({ HOME: '/h', XDG_STATE_HOME: 'relative' }, 1000), '/h/.local/state/hostpush')
  assert.equal(defaultDirectory({}, 1000), undefined)
})
