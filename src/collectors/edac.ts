import { collectEach, collector, collectParts, type Emit } from '../collector.ts'
import { type Dir, numberOf } from '../host/index.ts'
import { undatedCounter } from '../metrics/index.ts'

const family = <Label extends string>(name: string, what: string, labels: readonly Label[]) =>
  undatedCounter(`node_edac_${name}_errors_total`, what, labels)

const controllers = {
  ce: family('correctable', 'Memory errors corrected by the controller.', ['controller']),
  ue: family('uncorrectable', 'Memory errors the controller could not correct.', ['controller']),
} as const
const rows = {
  ce: family('csrow_correctable', 'Memory errors corrected in the row.', ['controller', 'csrow']),
  ue: family('csrow_uncorrectable', 'Memory errors in the row that could not be corrected.', ['controller', 'csrow']),
} as const
const place = ['channel', 'controller', 'csrow', 'dimm_label'] as const
const channels = {
  ce: family('channel_correctable', 'Memory errors corrected in the channel.', place),
  ue: family('channel_uncorrectable', 'Memory errors in the channel that could not be corrected.', place),
} as const
const kinds = ['ce', 'ue'] as const

/** https://docs.kernel.org/admin-guide/ras.html: errors without a known row have the row `unknown`. */
export default collector({
  name: 'edac',
  about:
    'Counts corrected and uncorrected memory errors by controller, row and channel. Reads /sys/devices/system/edac/mc.',
  hardware: ['devices/system/edac/mc/mc*/*_count', 'devices/system/edac/mc/mc*/csrow*/*_count'],
  collect({ sys, emit }) {
    collectEach(sys.at('devices/system/edac/mc').children('mc'), (mc) => {
      const controller = mc.id
      const counts = kinds.flatMap((kind) => [
        () => emit(controllers[kind], required(mc, `${kind}_count`), { controller }),
        () => emit(rows[kind], required(mc, `${kind}_noinfo_count`), { controller, csrow: 'unknown' }),
      ])
      const csrows = mc.children('csrow').map((row) => () => collectRow(row, controller, emit))
      collectParts(...counts, ...csrows)
    })
  },
})

function collectRow(row: Dir, controller: string, emit: Emit): void {
  const csrow = row.id
  const counts = kinds.map((kind) => () => emit(rows[kind], required(row, `${kind}_count`), { controller, csrow }))
  const inChannels = () =>
    collectEach(channelsOf(row), (channel) => {
      const labels = { channel, controller, csrow, dimm_label: dimmLabel(row.text(`ch${channel}_dimm_label`)) }
      collectEach(kinds, (kind) => emit(channels[kind], row.numberIfAny(`ch${channel}_${kind}_count`), labels))
    })
  collectParts(...counts, inChannels)
}

function required(dir: Dir, file: string): number {
  return numberOf(dir.read(file), () => `${dir.path}/${file}`)
}

function channelsOf(row: Dir): string[] {
  return row.entries().flatMap((name) => /^ch(\d+)_ce_count$/.exec(name)?.[1] ?? [])
}

/** `mc#0csrow#1channel#0` becomes `mc0_csrow1_channel0`. */
export function dimmLabel(text = 'unknown'): string {
  return text.replaceAll('#', '').replaceAll('csrow', '_csrow').replaceAll('channel', '_channel')
}
