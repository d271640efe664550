import { collectEach, collector, pattern, requireDir } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { counter, familyOf, filterOf, gauge } from '../metrics/index.ts'

const chipName = gauge('node_hwmon_chip_names', 'Name of the chip; always 1.', ['chip', 'chip_name'])
const sensorLabel = gauge('node_hwmon_sensor_label', 'Label of the sensor; always 1.', ['chip', 'label', 'sensor'])
const frequency = gauge('node_hwmon_freq_freq_mhz', 'Frequency of the clock, in MHz.', ['chip', 'sensor'])
const reading = familyOf((name) =>
  (name.endsWith('_total') ? counter : gauge)(`node_hwmon_${name}`, `Sensor value ${name}.`, ['chip', 'sensor']),
)

/** Name, unit and conversion of a value; by default the value is exported unchanged under its own name. */
interface Kind {
  readonly name?: string
  readonly unit?: string
  readonly convert?: (value: number) => number
}

const milli = (value: number) => value * 0.001
const micro = (value: number) => value / 1e6
const volts: Kind = { unit: 'volts', convert: milli }
const seconds: Kind = { unit: 'seconds', convert: milli }
const rpm: Kind = { unit: 'rpm' }

/** Conversions by the sensor's type. https://docs.kernel.org/hwmon/sysfs-interface.html */
const types: Readonly<Record<string, Kind>> = {
  beep_enable: { name: 'beep_enabled', convert: (value) => (value === 1 ? 1 : 0) },
  cpu: volts,
  curr: { unit: 'amps', convert: milli },
  energy: { unit: 'joule_total', convert: micro },
  fan: {},
  freq: {},
  humidity: { convert: micro },
  in: volts,
  intrusion: {},
  power: { unit: 'watt', convert: micro },
  pwm: {},
  temp: { unit: 'celsius', convert: milli },
  update_interval: seconds,
  vrm: { name: 'voltage_regulator_version' },
}

/** Conversions by element, or by type and element, that differ from the conversion of the type. */
const elementKinds = new Map<string, Kind>(
  Object.entries({
    alarm: {},
    beep: {},
    fault: {},
    fan_input: rpm,
    fan_max: rpm,
    fan_min: rpm,
    fan_target: rpm,
    power_accuracy: { convert: micro },
    power_average_interval: seconds,
    power_average_interval_max: seconds,
    power_average_interval_min: seconds,
    temp_type: {},
  }),
)

export default collector({
  name: 'hwmon',
  about: 'Reports temperatures, fan speeds, voltages and other sensor values. Reads /sys/class/hwmon.',
  hardware: ['class/hwmon/hwmon*/*[0-9]_*', 'class/hwmon/hwmon*/pwm*', 'class/hwmon/hwmon*/device/*[0-9]_*'],
  options: {
    'chip-include': pattern('', 'Chips to collect.'),
    'chip-exclude': pattern('', 'Chips to leave out.'),
    'sensor-include': pattern('', 'Sensors to collect, as `chip;sensor`.'),
    'sensor-exclude': pattern('', 'Sensors to leave out, as `chip;sensor`.'),
  },
  state: (options) => ({
    chips: filterOf(options['chip-include'], options['chip-exclude']),
    sensors: filterOf(options['sensor-include'], options['sensor-exclude']),
  }),
  collect({ sys, emit, state: filters }) {
    const chips = chipsIn(requireDir(sys.at('class/hwmon')).children('', 'directories'))
    collectEach(
      chips.filter(({ chip }) => filters.chips(chip)),
      ({ dir, chip, name }) => {
        if (name !== '') emit(chipName, 1, { chip, chip_name: name })
        for (const [sensor, elements] of sensorsOf(dir)) {
          if (!filters.sensors(`${chip};${sensor}`)) continue
          const label = elements.get('label')
          if (label !== undefined) emit(sensorLabel, 1, { chip, label, sensor })
          for (const [name, value] of readingsOf(sensor, elements)) emit(reading(name), value, { chip, sensor })
          const clock = sensor.startsWith('freq') ? parseReading(elements.get('input')) : undefined
          if (label !== undefined && clock !== undefined)
            emit(frequency, micro(clock), { chip, sensor: cleaned(label) })
        }
      },
    )
  },
})

/** Attributes of a sensor by element: `max` for `temp1_max`, empty for `pwm1`. */
type Elements = ReadonlyMap<string, string>

/** The values of a sensor by the part of the metric name after `node_hwmon_`. */
export function* readingsOf(sensor: string, elements: Elements): Generator<[name: string, value: number]> {
  const type = sensor.replace(/\d+$/, '')
  for (const [element, text] of elements) {
    const value = parseReading(text)
    if (value === undefined || element === 'label' || (type === 'freq' && element === 'input')) continue
    const kind = elementKinds.get(element) ?? elementKinds.get(`${type}_${element}`) ?? types[type] ?? {}
    const suffix = element === 'beep' ? 'beep_enabled' : element === 'input' && !elements.has('') ? '' : element
    const words = [kind.name ?? type, suffix, kind.unit ?? '']
    yield [words.filter((word) => word !== '').join('_'), kind.convert?.(value) ?? value]
  }
}

/** Files of the chip, and of its device, where older drivers create them. */
function sensorsOf(chip: Dir): Map<string, Map<string, string>> {
  const sensors = new Map<string, Map<string, string>>()
  for (const dir of [chip, chip.at('device')]) {
    if (!dir.exists()) continue
    for (const file of dir.entries()) {
      const [, type = '', number, element = ''] = /^(\D+)(\d*)(?:_(.+))?$/.exec(file) ?? []
      if (!Object.hasOwn(types, type)) continue
      const text = readable(dir, file)
      if (text === undefined || (element !== 'label' && parseReading(text) === undefined)) continue
      const sensor = `${type}${number || '0'}`
      const elements = sensors.get(sensor) ?? new Map<string, string>()
      sensors.set(sensor, elements.set(cleanedElement(element), text))
    }
  }
  return sensors
}

/** Sensors of hardware in power-saving states fail often. Such an attribute is left out, as in node_exporter. */
function readable(dir: Dir, file: string): string | undefined {
  try {
    return file.endsWith('_label') ? dir.read(file).replace(/\n+$/, '') : dir.text(file)
  } catch {
    return undefined
  }
}

function parseReading(text = ''): number | undefined {
  const value = text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

interface Chip {
  readonly dir: Dir
  readonly chip: string
  /** Content of the file `name` without invalid characters; empty if there is no file. */
  readonly name: string
}

/** Chips with the same label get their name as a suffix, or their directory if the names are equal too. */
function chipsIn(dirs: readonly Dir[]): Chip[] {
  const all = dirs.map((dir) => {
    const name = cleaned(readable(dir, 'name') ?? '')
    return { dir, name, base: deviceName(dir) ?? (name || cleaned(dir.name)) }
  })
  return all.map(({ dir, name, base }) => {
    const sameBase = all.filter((other) => other.base === base)
    const unique = name !== '' && sameBase.filter((other) => other.name === name).length === 1
    return { dir, name, chip: sameBase.length === 1 ? base : `${base}_${unique ? name : cleaned(dir.name)}` }
  })
}

/** `platform_coretemp_0` for a chip on /sys/devices/platform/coretemp.0. */
function deviceName(chip: Dir): string | undefined {
  const parts = chip.real('device')?.split('/').slice(-2).map(cleaned)
  return parts?.filter((part) => part !== '').join('_')
}

/** Lower case; characters that node_exporter does not allow in the label become `_`. */
export function cleaned(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9:_]/gu, '_')
    .replace(/^_+|_+$/g, '')
}

const cleanedElement = (element: string) => element.replace(/\W/g, '_')
