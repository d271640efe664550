import { type Clock, withTimeout } from '../../util/clock.ts'
import type { Services } from '../services.ts'

/** Timeout of the request to systemd, short because it delays the stop. */
const timeoutMs = 1000

const manager = {
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const

/**
 * Whether this machine is shutting down, so that the stop of the agent also ends the host's series. systemd sets
 * SystemState to `stopping` when shutdown.target is queued, before it stops any service (systemd(1),
 * `systemctl is-system-running`). False without systemd.
 */
export async function isGoingDown({ systemBus, systemd }: Pick<Services, 'systemBus' | 'systemd'>, clock: Clock) {
  const end = new AbortController()
  const isStopping = async () => {
    // the private socket first, which only root may use: the bus may be stopped already
    using bus = await systemd(end.signal).catch(() => systemBus(end.signal))
    return (await bus.property(manager, 'SystemState', 's')) === 'stopping'
  }
  const answer = await withTimeout(
    clock,
    timeoutMs,
    isStopping().catch(() => false), // no systemd
  )
  end.abort(finished)
  return answer === true
}

/** Shared, because creating an Error is expensive. Never shown. */
const finished = new Error('finished')
