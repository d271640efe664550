import { collectEach, collector } from '../collector.ts'
import { milli } from '../host/parse/units.ts'
import { gauge } from '../metrics/family.ts'

const temp = gauge('node_thermal_zone_temp', 'Temperature of the zone in degrees Celsius.', ['zone', 'type'])
const current = gauge('node_cooling_device_cur_state', 'How hard the device cools; 0 is not at all.', ['name', 'type'])
const max = gauge('node_cooling_device_max_state', 'The hardest that the device can cool.', ['name', 'type'])

/** https://docs.kernel.org/driver-api/thermal/sysfs-api.html */
export default collector({
  name: 'thermal_zone',
  about: 'Reports temperatures of thermal zones and states of cooling devices. Reads /sys/class/thermal.',
  collect({ sys, emit, warn }) {
    const thermal = sys.at('class/thermal')
    // The zone of a radio that is off, or of firmware that does not answer, cannot be read: others can.
    collectEach(
      thermal.children('thermal_zone'),
      (zone) => emit(temp, milli(zone.number('temp')), { zone: zone.id, type: zone.text('type') ?? '' }),
      warn,
    )
    collectEach(thermal.children('cooling_device'), (device) => {
      const labels = { name: device.id, type: device.text('type') ?? '' }
      emit(max, device.number('max_state'), labels)
      emit(current, device.number('cur_state'), labels)
    })
  },
})
