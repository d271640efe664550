import { collector, NoData } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { type Family, gauge } from '../metrics/index.ts'

const files = `bios_date bios_release bios_vendor bios_version board_asset_tag board_name board_serial board_vendor
  board_version chassis_asset_tag chassis_serial chassis_vendor chassis_version product_family product_name
  product_serial product_sku product_uuid product_version sys_vendor`.split(/\s+/)

interface Identity {
  readonly info: Family
  readonly labels: Readonly<Record<string, string>>
}

/** Documentation/ABI/testing/sysfs-class-dmi. The values do not change while the machine runs, so they are read once. */
export default collector({
  name: 'dmi',
  about: 'Reports the vendor, model, versions and serial numbers of the machine. Reads /sys/class/dmi/id.',
  hardware: ['class/dmi/id/sys_vendor'],
  state: (): { identity?: Identity | 'none' } => ({}),
  collect({ sys, emit, state }) {
    state.identity ??= identityIn(sys.at('class/dmi/id')) ?? 'none'
    if (state.identity === 'none') throw new NoData('no DMI')
    emit(state.identity.info, 1, state.identity.labels)
  },
})

/** The labels are the files that this user may read; only root may read serial numbers. */
function identityIn(id: Dir): Identity | undefined {
  const labels: Record<string, string> = {}
  for (const file of files) {
    const text = readable(id, file)
    if (text !== undefined) labels[file === 'sys_vendor' ? 'system_vendor' : file] = text
  }
  const names = Object.keys(labels)
  if (names.length === 0) return undefined
  return { info: gauge('node_dmi_info', 'Information about the machine from the firmware; always 1.', names), labels }
}

function readable(id: Dir, file: string): string | undefined {
  try {
    return id.text(file)
  } catch {
    return undefined // the table of the firmware is broken: the other fields are still reported
  }
}
