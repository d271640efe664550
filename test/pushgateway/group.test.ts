import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupUrl } from '../../src/pushgateway/group.ts'

const cases: readonly (readonly [job: string, key: Record<string, string>, path: string])[] = [
  ['node', {}, '/metrics/job/node'],
  ['node', { instance: 'web-1.example.org', site: 'a_b~c' }, '/metrics/job/node/instance/web-1.example.org/site/a_b~c'],
  ['/var/tmp', {}, '/metrics/job@base64/L3Zhci90bXA'],
  ['node', { instance: '' }, '/metrics/job/node/instance@base64/='],
  ['node', { instance: 'h:9100' }, '/metrics/job/node/instance@base64/aDo5MTAw'],
  ['Прометей', {}, '/metrics/job@base64/0J_RgNC-0LzQtdGC0LXQuQ'],
  ['..', { a: '.', b: '...', c: '.hidden' }, '/metrics/job@base64/Li4/a@base64/Lg/b@base64/Li4u/c@base64/LmhpZGRlbg'],
  ['a b', { x: '100%', y: '?#' }, '/metrics/job@base64/YSBi/x@base64/MTAwJQ/y@base64/PyM'],
]
for (const [job, key, path] of cases) {
  test(`the group of ${JSON.stringify({ job, ...key })} is ${path}`, () => {
    assert.equal(groupUrl(new URL('http://gateway:9091'), job, key).href, `http://gateway:9091${path}`)
  })
}

test('a route prefix and a query are kept', () => {
  for (const prefix of ['/push/gw', '/push/gw/', '/push/gw//'])
    assert.equal(groupUrl(new URL(`https://g${prefix}`), 'j', {}).href, 'https://g/push/gw/metrics/job/j')
  assert.equal(groupUrl(new URL('https://g/?tenant=1#x'), 'j', {}).href, 'https://g/metrics/job/j?tenant=1')
})
