import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameOf } from '../../src/commands/destination.ts'

test('a different path, tenant or user is another destination, a different password, token or key is not', () => {
  const same = (left: string, right: string) => assert.equal(nameOf(left), nameOf(right), `${left} ${right}`)
  const other = (left: string, right: string) => assert.notEqual(nameOf(left), nameOf(right), `${left} ${right}`)
  same('http://user:old@h:9/api', 'http://user:new@h:9/api')
  same('http://glc_old@h/api', 'http://glc_new@h/api')
  same('http://h/api?token=old&tenant=1', 'http://h/api?token=new&tenant=1')
  other('http://1:secret@h/api', 'http://2:secret@h/api')
  other('http://h/api', 'http://h/other')
  other('http://h/api?tenant=1', 'http://h/api?tenant=2')
  assert.match(nameOf('https://user:secret@receiver.test:8080/api?key=secret'), /^receiver\.test-8080-[\da-f]{8}$/)
})
