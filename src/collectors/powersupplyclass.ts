import { collectEach, collector, collectParts, pattern, requireDir } from '../collector.ts'
import { micro } from '../host/index.ts'
import { type Family, familyOf, filterOf, gauge } from '../metrics/index.ts'

type Convert = (value: number | undefined) => number | undefined
type Attribute = readonly [file: string, family: Family<'power_supply'>, convert: Convert]

const raw: Convert = (value) => value
/** Temperatures are in tenths of a degree. */
const tenths: Convert = (value) => (value === undefined ? undefined : value / 10)

/** Words of the form `file` or `file=metric`; the conversion and the unit are the same for all. */
const attributes = (convert: Convert, unit: string, names: string): Attribute[] =>
  names
    .trim()
    .split(/\s+/)
    .map((word) => {
      const [file = '', metric = file] = word.split('=')
      const family = gauge(`node_power_supply_${metric}`, `Attribute ${file} of the supply, ${unit}.`, ['power_supply'])
      return [file, family, convert]
    })

/** https://docs.kernel.org/power/power_supply_class.html */
const table = [
  ...attributes(raw, 'as the kernel gives it', 'authentic calibrate cycle_count=cyclecount online present'),
  ...attributes(raw, 'in percent', 'capacity capacity_alert_max capacity_alert_min'),
  ...attributes(raw, 'in seconds', 'time_to_empty_now=time_to_empty_seconds time_to_full_now=time_to_full_seconds'),
  ...attributes(
    micro,
    'in amperes',
    `charge_term_current constant_charge_current constant_charge_current_max current_boot current_max
     current_now=current_ampere input_current_limit precharge_current`,
  ),
  ...attributes(
    micro,
    'in ampere hours',
    `charge_counter charge_empty charge_empty_design charge_full charge_full_design charge_now=charge_ampere`,
  ),
  ...attributes(micro, 'in millionths of its steps', 'charge_control_limit charge_control_limit_max'),
  ...attributes(
    micro,
    'in watt hours',
    'energy_empty energy_empty_design energy_full energy_full_design energy_now=energy_watthour',
  ),
  ...attributes(micro, 'in watts', 'power_now=power_watt'),
  ...attributes(
    micro,
    'in volts',
    `constant_charge_voltage constant_charge_voltage_max voltage_boot voltage_max voltage_max_design voltage_min
     voltage_min_design voltage_now=voltage_volt voltage_ocv`,
  ),
  ...attributes(
    tenths,
    'in degrees Celsius',
    `temp=temp_celsius temp_alert_max=temp_alert_max_celsius temp_alert_min=temp_alert_min_celsius
     temp_ambient=temp_ambient_celsius temp_ambient_max=temp_ambient_max_celsius
     temp_ambient_min=temp_ambient_min_celsius temp_max=temp_max_celsius temp_min=temp_min_celsius`,
  ),
]

const texts =
  `capacity_level charge_type health manufacturer model_name scope serial_number status technology type usb_type`.split(
    ' ',
  )

/** The labels are the attributes that are not empty for this supply. */
const info = familyOf((names) =>
  gauge('node_power_supply_info', 'Information about the supply; always 1.', names.split(' ')),
)

export default collector({
  name: 'powersupplyclass',
  about:
    'Reports the charge, voltage, current and status of batteries and power supplies. Reads /sys/class/power_supply.',
  hardware: ['class/power_supply/*/uevent'],
  options: {
    'ignored-supplies': pattern('^$', 'Power supplies to leave out.', { flag: 'powersupply.ignored-supplies' }),
  },
  state: (options) => filterOf(undefined, options['ignored-supplies']),
  collect({ sys, emit, state: isIncluded }) {
    const supplies = requireDir(sys.at('class/power_supply')).children()
    const chosen = supplies.filter(({ name }) => isIncluded(name))
    collectEach(chosen, (supply) => {
      const collectInfo = () => {
        const present = Object.entries(supply.texts(texts)).filter(([, text]) => text !== '')
        const labels: Record<string, string> = { power_supply: supply.name, ...Object.fromEntries(present) }
        emit(info(Object.keys(labels).join(' ')), 1, labels)
      }
      // The controller of a battery sometimes fails to answer for one attribute: the others are still reported.
      const numbers = table.map(([file, family, convert]) => () => {
        emit(family, convert(supply.number(file)), { power_supply: supply.name })
      })
      collectParts(collectInfo, ...numbers)
    })
  },
})
