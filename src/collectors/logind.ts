import { collector } from '../collector.ts'
import { gauge } from '../metrics/index.ts'

const sessions = gauge('node_logind_sessions', 'Sessions of logind.', ['class', 'remote', 'seat', 'type'])

const types = ['unspecified', 'tty', 'x11', 'wayland', 'mir', 'web', 'other']
const classes = ['user', 'greeter', 'lock-screen', 'background', 'other']

const destination = 'org.freedesktop.login1'
const manager = { destination, path: '/org/freedesktop/login1', interface: `${destination}.Manager` }

type Seat = readonly [name: string, path: string]
type Session = readonly [name: string, uid: number, user: string, seat: string, path: string]

/** https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html */
export default collector({
  name: 'logind',
  about: 'Counts login sessions by seat, type and class. Asks systemd-logind over D-Bus.',
  enabled: false,
  async collect({ services, emit, signal }) {
    using bus = await services.systemBus(signal)
    const [seats, open] = await Promise.all([
      bus.call<Seat[]>({ ...manager, member: 'ListSeats' }, 'a(so)'),
      bus.call<Session[]>({ ...manager, member: 'ListSessions' }, 'a(susso)'),
    ])
    const describe = async ([, , , seat, path]: Session) => {
      const session = { destination, path, interface: `${destination}.Session` }
      const [remote, type, group] = await Promise.all([
        bus.property(session, 'Remote', 'b'),
        bus.property(session, 'Type', 's'),
        bus.property(session, 'Class', 's'),
      ])
      if (remote === undefined || type === undefined || group === undefined) return undefined // it has ended
      return keyOf(seat, String(remote), oneOf(types, type), oneOf(classes, group))
    }
    const counts = new Map<string | undefined, number>()
    for (const key of await Promise.all(open.map(describe))) counts.set(key, (counts.get(key) ?? 0) + 1)
    for (const seat of [...seats.map(([name]) => name), ''])
      for (const remote of ['true', 'false'])
        for (const type of types)
          for (const group of classes)
            emit(sessions, counts.get(keyOf(seat, remote, type, group)) ?? 0, { seat, remote, type, class: group })
  },
})

const keyOf = (...labels: string[]): string => labels.join('\0')

const oneOf = (known: readonly string[], text: string): string => (known.includes(text) ? text : 'other')
