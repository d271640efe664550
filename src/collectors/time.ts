import { collectEach, collector, collectParts } from '../collector.ts'
import { fields, zoneAt } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const time = gauge('node_time_seconds', 'The time of this host, in seconds since the epoch.')
const zoneOffset = gauge(
  'node_time_zone_offset_seconds',
  'Offset of the local time zone from UTC in seconds, positive east of Greenwich.',
  ['time_zone'],
)
const available = gauge('node_time_clocksource_available_info', 'A clock source the kernel could use: always 1.', [
  'device',
  'clocksource',
])
const current = gauge('node_time_clocksource_current_info', 'The clock source the kernel uses: always 1.', [
  'device',
  'clocksource',
])

/** https://docs.kernel.org/timers/timekeeping.html#clock-sources */
export default collector({
  name: 'time',
  about:
    'Reports the system time, the time zone and the clock sources. Reads the clock and /sys/devices/system/clocksource.',
  collect({ sys, facts, dirAt, now, emit }) {
    emit(time, now / 1000)
    const collectZone = () => {
      const { name, offsetSeconds } = zoneAt(now / 1000, facts.timezone, dirAt('/'))
      emit(zoneOffset, offsetSeconds, { time_zone: name })
    }
    const collectSources = () =>
      collectEach(sys.at('devices/system/clocksource').children('clocksource'), (device) => {
        const emitAll = (family: typeof current, file: string) => {
          for (const clocksource of fields(device.read(file))) emit(family, 1, { device: device.id, clocksource })
        }
        collectParts(
          () => emitAll(available, 'available_clocksource'),
          () => emitAll(current, 'current_clocksource'),
        )
      })
    collectParts(collectZone, collectSources)
  },
})
