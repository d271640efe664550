import { collectEach, collector, collectParts } from '../collector.ts'
import { milli } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const temp = gauge('node_thermal_zone_temp', 'Temperature of the zone in degrees Celsius.', ['zone', 'type'])
const current = gauge(
  'node_cooling_device_cur_state',
  'Current state of the cooling device; 0 means that it does not cool.',
  ['name', 'type'],
)
const max = gauge('node_cooling_device_max_state', 'Maximum state of the cooling device.', ['name', 'type'])

/** https://docs.kernel.org/driver-api/thermal/sysfs-api.html */
export default collector({
  name: 'thermal_zone',
  about: 'Reports temperatures of thermal zones and states of cooling devices. Reads /sys/class/thermal.',
  hardware: ['class/thermal/thermal_zone*/temp', 'class/thermal/cooling_device*/cur_state'],
  collect({ sys, emit, warn }) {
    const thermal = sys.at('class/thermal')
    // Reading fails for the zone of a radio that is off or of unresponsive firmware. That is a warning.
    collectEach(
      thermal.children('thermal_zone'),
      (zone) => emit(temp, milli(zone.number('temp')), { zone: zone.id, type: zone.text('type') ?? '' }),
      warn,
    )
    collectEach(thermal.children('cooling_device'), (device) => {
      const labels = { name: device.id, type: device.text('type') ?? '' }
      collectParts(
        () => emit(max, device.number('max_state'), labels),
        () => emit(current, device.number('cur_state'), labels),
      )
    })
  },
})
