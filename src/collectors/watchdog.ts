import { collectEach, collector, collectParts, requireDir } from '../collector.ts'
import { gauge } from '../metrics/index.ts'

const value = (file: string, help: string, name = file) =>
  [file, gauge(`node_watchdog_${name}`, help, ['name'])] as const

const attributes = [
  value('access_cs0', 'Whether the device has access to its second boot source.'),
  value('bootstatus', 'Why the machine was last started, as the bits of WDIOC_GETBOOTSTATUS.'),
  value('fw_version', "Version of the device's firmware."),
  value('nowayout', 'Whether the device cannot be stopped once it is started.'),
  value('pretimeout', 'Seconds before the end at which the device warns.', 'pretimeout_seconds'),
  value('timeleft', 'Seconds left until the device resets the machine.', 'timeleft_seconds'),
  value('timeout', 'Seconds without a keepalive after which the device resets the machine.', 'timeout_seconds'),
]

const texts = ['identity', 'options', 'pretimeout_governor', 'state', 'status'] as const
const info = gauge('node_watchdog_info', 'Information about the watchdog; always 1.', ['name', ...texts])
const unknown = { identity: '', options: '', pretimeout_governor: '', state: '', status: '' }

/** https://docs.kernel.org/watchdog/watchdog-api.html, Documentation/ABI/testing/sysfs-class-watchdog */
export default collector({
  name: 'watchdog',
  about: 'Reports the settings and state of watchdog timers. Reads /sys/class/watchdog.',
  collect({ sys, emit }) {
    collectEach(requireDir(sys.at('class/watchdog')).children(), (device) => {
      collectParts(
        () => emit(info, 1, { name: device.name, ...unknown, ...device.texts(texts) }),
        () => collectEach(attributes, ([file, family]) => emit(family, device.number(file), { name: device.name })),
      )
    })
  },
})
