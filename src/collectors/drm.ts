import { collectEach, collector, collectParts } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const attribute = (file: string, name: string, help: string) =>
  [file, gauge(`node_drm_${name}`, help, ['card'])] as const

const attributes = [
  attribute('gpu_busy_percent', 'gpu_busy_percent', 'Utilization of the GPU in percent.'),
  attribute('mem_info_gtt_total', 'memory_gtt_size_bytes', 'System memory that the GPU can access.'),
  attribute('mem_info_gtt_used', 'memory_gtt_used_bytes', 'System memory that the GPU uses.'),
  attribute('mem_info_vis_vram_total', 'memory_vis_vram_size_bytes', 'Memory of the card that is visible to the CPU.'),
  attribute(
    'mem_info_vis_vram_used',
    'memory_vis_vram_used_bytes',
    'Used memory of the card that is visible to the CPU.',
  ),
  attribute('mem_info_vram_total', 'memory_vram_size_bytes', 'Memory of the card.'),
  attribute('mem_info_vram_used', 'memory_vram_used_bytes', 'Memory of the card in use.'),
]
const info = gauge('node_drm_card_info', 'Information about the card; always 1.', [
  'card',
  'memory_vendor',
  'power_performance_level',
  'unique_id',
  'vendor',
])

/** https://docs.kernel.org/gpu/amdgpu/driver-misc.html: only AMD cards have these files. */
export default collector({
  name: 'drm',
  about: 'Reports the utilization and memory of AMD GPUs. Reads /sys/class/drm.',
  hardware: ['class/drm/card*/device/gpu_busy_percent', 'class/drm/card*/device/mem_info_*_used'],
  enabled: false,
  collect({ sys, emit }) {
    // `card0-HDMI-A-1` is a connector.
    const cards = sys
      .at('class/drm')
      .children('card')
      .filter(({ id }) => /^\d+$/.test(id))
    collectEach(cards, (dir) => {
      if (!isAmd(dir)) return
      const device = dir.at('device')
      const card = dir.name
      const collectInfo = () =>
        emit(info, 1, {
          card,
          memory_vendor: device.text('mem_info_vram_vendor') ?? '',
          power_performance_level: device.text('power_dpm_force_performance_level') ?? '',
          unique_id: device.text('unique_id') ?? '',
          vendor: 'amd',
        })
      collectParts(collectInfo, () =>
        collectEach(attributes, ([file, family]) => emit(family, device.number(file), { card })),
      )
    })
  },
})

function isAmd(card: Dir): boolean {
  return card.read('device/uevent').split('\n').includes('DRIVER=amdgpu')
}
