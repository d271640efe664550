import assert from 'node:assert/strict'
import { test } from 'node:test'
import drm from '../../src/collectors/drm.ts'
import { collect, collectAll } from '../support/collect.ts'
import { under } from '../support/tree.ts'

const card = (id: string, tree: Parameters<typeof under>[1]) => under(`class/drm/card${id}`, tree)
const amd = {
  'device/uevent': 'DRIVER=amdgpu\nPCI_CLASS=30000\n',
  'device/gpu_busy_percent': '4\n',
  'device/mem_info_vram_total': '8573157376\n',
  'device/mem_info_vram_used': '1490378752\n',
  'device/mem_info_vram_vendor': 'samsung\n',
}

test('only AMD cards have memory metrics; connectors are not cards', async () => {
  const sys = {
    ...card('0', amd),
    ...card('1', { 'device/uevent': 'DRIVER=i915\n' }),
    ...card('0-HDMI-A-1', { status: 'connected\n' }),
    'class/drm/renderD128/device/uevent': 'DRIVER=amdgpu\n',
  }
  assert.deepEqual(await collect(drm, { sys }), [
    'node_drm_card_info{card="card0",memory_vendor="samsung",power_performance_level="",unique_id="",vendor="amd"} 1',
    'node_drm_gpu_busy_percent{card="card0"} 4',
    'node_drm_memory_vram_size_bytes{card="card0"} 8.573157376e+09',
    'node_drm_memory_vram_used_bytes{card="card0"} 1.490378752e+09',
  ])
})

test('card10 is a card', async () => {
  assert.equal((await collect(drm, { sys: card('10', amd) })).length, 4)
})

test('a card without uevent and an invalid value are failures and do not hide other cards', async () => {
  const sys = {
    ...card('0', { 'device/vendor': '0x1002\n' }),
    ...card('1', { ...amd, 'device/gpu_busy_percent': 'x', 'device/mem_info_vram_used': { error: 'EIO' } }),
    ...card('2', amd),
  }
  const { lines, success, logged } = await collectAll(drm, { sys })
  assert.equal(success, false)
  assert.match(logged.join(), /^error/)
  assert.deepEqual(lines.filter((line) => line.includes('card1')).length, 2)
  assert.deepEqual(lines.filter((line) => line.includes('card2')).length, 4)
})

test('it is disabled by default, and a host without cards gives no samples', async () => {
  assert.equal(drm.enabled, false)
  const { lines, success } = await collectAll(drm)
  assert.deepEqual([lines, success], [[], true])
})
