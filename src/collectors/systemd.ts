import { boolean, type Context, collectEachAsync, collector, type Emit, type Options, pattern } from '../collector.ts'
import { type Connection, micro } from '../host/index.ts'

import { type Filter, filterOf, gauge, type Pattern, undatedCounter } from '../metrics/index.ts'

const version = gauge('node_systemd_version', 'Version of systemd; in full as a label.', ['version'])
const virtualization = gauge(
  'node_systemd_virtualization_info',
  'Virtualization technology of this machine; always 1.',
  ['virtualization_type'],
)
const running = gauge('node_systemd_system_running', 'Whether the system runs without a failed unit.')
const units = gauge('node_systemd_units', 'Loaded units of all kinds by state, regardless of the filters.', ['state'])
const unitState = gauge('node_systemd_unit_state', 'Whether a unit is in a state.', ['name', 'state', 'type'])
const startTime = gauge('node_systemd_unit_start_time_seconds', 'When a unit became active; 0 if it is not active.', [
  'name',
])
const restarts = undatedCounter('node_systemd_service_restart_total', 'Restarts of a service by systemd.', ['name'])
const tasks = gauge('node_systemd_unit_tasks_current', 'Tasks of a service.', ['name'])
const tasksMax = gauge('node_systemd_unit_tasks_max', 'Tasks that a service may have, where there is a limit.', [
  'name',
])
const triggered = gauge('node_systemd_timer_last_trigger_seconds', 'When a timer last fired.', ['name'])
const accepted = undatedCounter('node_systemd_socket_accepted_connections_total', 'Connections accepted.', ['name'])
const current = gauge('node_systemd_socket_current_connections', 'Connections that are open.', ['name'])
const refused = gauge('node_systemd_socket_refused_connections_total', 'Connections that were refused.', ['name'])

/** Properties by kind of unit, in addition to its state. */
const properties = [
  { kind: 'service', property: ['Service', 'NRestarts', 'u'], family: restarts, when: 'enable-restarts-metrics' },
  { kind: 'service', property: ['Service', 'TasksCurrent', 't'], family: tasks, when: 'enable-task-metrics' },
  { kind: 'service', property: ['Service', 'TasksMax', 't'], family: tasksMax, when: 'enable-task-metrics' },
  { kind: 'timer', property: ['Timer', 'LastTriggerUSec', 't'], family: triggered, convert: micro },
  { kind: 'socket', property: ['Socket', 'NAccepted', 'u'], family: accepted },
  { kind: 'socket', property: ['Socket', 'NConnections', 'u'], family: current },
  { kind: 'socket', property: ['Socket', 'NRefused', 'u'], family: refused },
] as const

/** Interface with the property `Type`, by kind of unit. */
const typed = new Map([
  ['service', 'Service'],
  ['mount', 'Mount'],
])

const states = ['activating', 'active', 'deactivating', 'failed', 'inactive'] as const

/** The value of a 64-bit property without a limit or without a value. */
const none = 2 ** 64

const destination = 'org.freedesktop.systemd1'
const manager = { destination, path: '/org/freedesktop/systemd1', interface: `${destination}.Manager` }

/** name, description, load state, active state, sub state, unit it follows, path, job, type of the job, its path */
type Unit = readonly [string, string, string, string, string, string, string, number, string, string]

const options = {
  'unit-include': pattern('.+', 'Units to include; the pattern must match the whole name.'),
  'unit-exclude': pattern(
    '.+\\.(automount|device|mount|scope|slice)',
    'Units to exclude; the pattern must match the whole name.',
  ),
  'unit-whitelist': pattern('', 'Deprecated: use unit-include.', { hidden: true }),
  'unit-blacklist': pattern('', 'Deprecated: use unit-exclude.', { hidden: true }),
  'enable-task-metrics': boolean(false, 'Report the tasks of services.'),
  'enable-restarts-metrics': boolean(false, 'Report the restarts of services.'),
  'enable-start-time-metrics': boolean(false, 'Report the start time of units.'),
  private: boolean(false, 'Connect to the private socket of systemd; root only.', { hidden: true }),
} satisfies Options

/** https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html */
export default collector({
  name: 'systemd',
  about: 'Reports the version and state of systemd, and the state of its units. Asks systemd over D-Bus.',
  enabled: false,
  options,
  state: (options): Filter => {
    const included = whole(
      options['unit-whitelist'].source === '' ? options['unit-include'] : options['unit-whitelist'],
    )
    const excluded = whole(
      options['unit-blacklist'].source === '' ? options['unit-exclude'] : options['unit-blacklist'],
    )
    const [isIncluded, isNotExcluded] = [filterOf(included, undefined), filterOf(undefined, excluded)]
    return (name) => isIncluded(name) && isNotExcluded(name)
  },
  async collect(context) {
    using bus = await connect(context)
    await allOf([collectManager(bus, context.emit), collectUnits(bus, context)])
  },
})

type SystemdContext = Context<typeof options, Filter>

const whole = (pattern: Pattern): Pattern => ({ ...pattern, test: pattern.matches })

/** Connects to the bus, or if there is none, to the private socket of systemd, which only root may use. */
async function connect({ services, options, signal }: SystemdContext): Promise<Connection> {
  if (options.private) return services.systemd(signal)
  try {
    return await services.systemBus(signal)
  } catch (error) {
    return await services.systemd(signal).catch(() => {
      throw error
    })
  }
}

async function collectManager(bus: Connection, emit: Emit): Promise<void> {
  const [text = '', virtual = 'unknown', state] = await Promise.all([
    bus.property(manager, 'Version', 's'),
    bus.property(manager, 'Virtualization', 's'),
    bus.property(manager, 'SystemState', 's'),
  ])
  emit(version, parseVersion(text), { version: text })
  emit(virtualization, 1, { virtualization_type: virtual || 'none' })
  if (state === undefined) throw new Error('systemd does not report its state')
  emit(running, state === 'running' ? 1 : 0)
}

async function collectUnits(bus: Connection, context: SystemdContext): Promise<void> {
  const all = await bus.call<Unit[]>({ ...manager, member: 'ListUnits' }, 'a(ssssssouso)')
  const counts = new Map<string, number>(states.map((state) => [state, 0]))
  for (const [, , , state] of all) counts.set(state, (counts.get(state) ?? 0) + 1)
  for (const [state, count] of counts) context.emit(units, count, { state })
  const included = all.filter(([name, , load]) => load === 'loaded' && context.state(name))
  await allOf(included.map((unit) => collectUnit(bus, unit, context)))
}

/** Waits for all of them, then throws the first failure. They share the connection, which closes after that. */
async function allOf(collections: readonly Promise<void>[]): Promise<void> {
  await collectEachAsync(await Promise.allSettled(collections), async (outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
  })
}

/** Requests all properties of a unit at the same time; a property that the unit does not have is left out. */
async function collectUnit(bus: Connection, unit: Unit, { options, emit }: SystemdContext): Promise<void> {
  const [name, , , active, , , path] = unit
  const kind = name.slice(name.lastIndexOf('.') + 1)
  const object = (of: string) => ({ destination, path, interface: `${destination}.${of}` })
  const ask = async () => {
    const of = typed.get(kind)
    const type = (of && (await bus.property(object(of), 'Type', 's'))) ?? ''
    for (const state of states) emit(unitState, active === state ? 1 : 0, { name, state, type })
  }
  const askFor = async ({ property: [of, property, type], family, ...one }: (typeof properties)[number]) => {
    const value = await bus.property(object(of), property, type)
    if (value !== none) emit(family, 'convert' in one ? one.convert(value) : value, { name })
  }
  const askStart = async () => {
    const since = active === 'active' ? await bus.property(object('Unit'), 'ActiveEnterTimestamp', 't') : 0
    emit(startTime, micro(since), { name })
  }
  const requested = properties.filter((one) => one.kind === kind && (!('when' in one) || options[one.when]))
  await allOf([ask(), ...requested.map(askFor), ...(options['enable-start-time-metrics'] ? [askStart()] : [])])
}

/** `252.39-1~deb12u1` is 252.39; undefined if there is no version in the text. */
export function parseVersion(text: string): number | undefined {
  const [digits] = /[0-9]{3,}(\.[0-9]+)?/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}
