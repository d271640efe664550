import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepList } from '../../src/relabel/allowlists.ts'

const minimal = keepList('minimal') ?? new Set<string>()
const integration = keepList('integration') ?? new Set<string>()

test('everything is kept without a list', () => {
  assert.equal(keepList('full'), undefined)
})

test('the lists contain metric names, and the larger one contains the smaller', () => {
  for (const name of integration) assert.match(name, /^[a-z]\w+$/i)
  assert.deepEqual(
    [...minimal].filter((name) => !integration.has(name)),
    [],
  )
  assert.deepEqual([minimal.size, integration.size], [46, 168])
})

test('metrics of alerts and dashboard variables are in every list', () => {
  for (const name of [
    'up',
    'node_uname_info',
    'node_os_info',
    'node_exporter_build_info',
    'node_load1',
    'node_load15',
    'node_cpu_seconds_total',
    'node_filesystem_avail_bytes',
    'node_memory_MemAvailable_bytes',
    'node_network_transmit_drop_total',
    'node_disk_io_time_seconds_total',
    'node_disk_io_time_weighted_seconds_total',
    'node_md_disks_required',
    'node_nf_conntrack_entries_limit',
  ])
    assert.ok(minimal.has(name), name)
  for (const name of ['node_boot_time_seconds', 'node_netstat_Udp6_RcvbufErrors', 'process_virtual_memory_max_bytes'])
    assert.ok(integration.has(name) && !minimal.has(name), name)
})
