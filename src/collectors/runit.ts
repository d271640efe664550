import { collectEach, collector, text } from '../collector.ts'
import { gauge } from '../metrics/index.ts'

const labels = ['service', 'supervisor'] as const
const state = gauge('node_service_state', 'State of the service: 0 down, 1 running, 2 finishing.', labels)
const desired = gauge('node_service_desired_state', 'Whether the service should run.', labels)
const normal = gauge('node_service_normal_state', 'Whether the service starts at boot.', labels)
const changed = gauge('node_service_state_last_change_timestamp_seconds', 'When the state changed.', labels)

const statusBytes = 20

/** http://smarden.org/runit/runsv.8.html; the status file is runit's src/sv.c. */
export default collector({
  name: 'runit',
  about: 'Reports the actual, desired and default state of runit services. Reads the service directory of runit.',
  enabled: false,
  deprecated: true,
  options: { servicedir: text('/etc/service', "The directory of runit's services.") },
  collect({ dirAt, emit, options, warn }) {
    const services = dirAt(options.servicedir)
    services.entries() // throws if the directory cannot be read
    collectEach(
      services.children('', 'directories'),
      (service) => {
        if (!service.exists('supervise/status')) return
        const status = parseStatus(service.bytes('supervise/status'))
        const identity = { service: service.name, supervisor: 'runit' }
        emit(state, status.state, identity)
        emit(desired, status.wanted ? 1 : 0, identity)
        emit(normal, service.exists('supervise/down') ? 0 : 1, identity)
        emit(changed, status.changedSeconds, identity)
      },
      warn,
    )
  },
})

/** A TAI64N time (12 bytes), the process (4), paused, wanted (`u` or `d`), terminated, state (1 each). */
export function parseStatus(bytes: Buffer): { state: number; wanted: boolean; changedSeconds: number } {
  if (bytes.length < statusBytes) throw new Error(`runit: the status has ${bytes.length} bytes, not ${statusBytes}`)
  // TAI64: 2^62 seconds, plus the 10 seconds by which TAI was ahead of UTC in 1970.
  const changedSeconds = Number(bytes.readBigUInt64BE(0) - (1n << 62n) - 10n)
  return { state: bytes.readUInt8(19), wanted: bytes.toString('latin1', 17, 18) === 'u', changedSeconds }
}
