import assert from 'node:assert/strict'
import { test } from 'node:test'
import ksmd from '../../src/collectors/ksmd.ts'
import { collect, collectAll } from '../support/collect.ts'

const files = [
  'full_scans',
  'merge_across_nodes',
  'pages_shared',
  'pages_sharing',
  'pages_to_scan',
  'pages_unshared',
  'pages_volatile',
  'run',
]
const sys = Object.fromEntries(files.map((file, i) => [`kernel/mm/ksm/${file}`, `${i + 1}\n`]))

test('it reports the settings and counters of ksmd', async () => {
  assert.deepEqual(await collect(ksmd, { sys: { ...sys, 'kernel/mm/ksm/sleep_millisecs': '20\n' } }), [
    'node_ksmd_full_scans_total 1',
    'node_ksmd_merge_across_nodes 2',
    'node_ksmd_pages_shared 3',
    'node_ksmd_pages_sharing 4',
    'node_ksmd_pages_to_scan 5',
    'node_ksmd_pages_unshared 6',
    'node_ksmd_pages_volatile 7',
    'node_ksmd_run 8',
    'node_ksmd_sleep_seconds 0.02',
  ])
})

test('it fails at the first missing file and keeps the earlier samples', async () => {
  const { lines, logged } = await collectAll(ksmd, { sys })
  assert.equal(lines.length, 8)
  assert.match(String(logged), /failed.*sleep_millisecs is missing/)
  assert.match(String((await collectAll(ksmd, {})).logged), /failed.*full_scans is missing/)
})
