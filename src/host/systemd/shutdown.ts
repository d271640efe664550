import { type Clock, withTimeout } from '../../util/clock.ts'
import type { Services } from '../services.ts'

/** The manager is asked while a stop is under way: a moment is all it gets. */
const timeoutMs = 1000

const manager = {
  destination: 'org.freedesktop.systemd1',
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
} as const

/**
 * Whether this machine is going down, so that the program's stop is the end of its host's series. systemd says so:
 * SystemState is `stopping` from the moment when shutdown.target is queued, before any service is stopped
 * (systemd(1), `systemctl is-system-running`). Without systemd nobody says it, and no is the answer.
 */
export async function isGoingDown({ systemBus, systemd }: Pick<Services, 'systemBus' | 'systemd'>, clock: Clock) {
  const end = new AbortController()
  const ask = async () => {
    // the manager itself first: the bus may be stopped already; only root may do so
    using bus = await systemd(end.signal).catch(() => systemBus(end.signal))
    return (await bus.property(manager, 'SystemState', 's')) === 'stopping'
  }
  const answer = await withTimeout(
    clock,
    timeoutMs,
    ask().catch(() => false), // no systemd here
  )
  end.abort(noMore)
  return answer === true
}

/** One for all, as an Error is dear. Nobody sees it. */
const noMore = new Error('no answer is waited for any longer')
