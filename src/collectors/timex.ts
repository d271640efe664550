import { collector, NoData } from '../collector.ts'
import { codeOf, micro, nano, type Timex } from '../host/index.ts'

import { counter, gauge } from '../metrics/index.ts'

/** STA_NANO: offset and jitter are nanoseconds. */
const inNanoseconds = 0x2000

/** TIME_ERROR: the clock is not synchronised. */
const unsynchronised = 5

const fraction = ({ status }: Timex) => ((status & inNanoseconds) !== 0 ? nano : micro)

/** Parts per million in 16-bit fixed point. */
const scaled = (value: number) => value / (65536 * 1e6)

const families = [
  [gauge('node_timex_offset_seconds', 'Time between the local clock and its reference.'), (t) => fraction(t)(t.offset)],
  [
    gauge('node_timex_frequency_adjustment_ratio', 'Speed of the local clock after adjustment.'),
    (t) => 1 + scaled(t.freq),
  ],
  [gauge('node_timex_maxerror_seconds', 'Maximum error of the clock.'), (t) => micro(t.maxerror)],
  [gauge('node_timex_estimated_error_seconds', 'Estimated error of the clock.'), (t) => micro(t.esterror)],
  [gauge('node_timex_status', 'Status bits of the clock.'), (t) => t.status],
  [
    gauge('node_timex_sync_status', 'Whether the clock is synchronised (1) or not (0).'),
    (t) => Number(t.state !== unsynchronised),
  ],
  [gauge('node_timex_loop_time_constant', 'Time constant of the phase-locked loop.'), (t) => t.constant],
  [gauge('node_timex_tick_seconds', 'Time between two ticks of the clock.'), (t) => micro(t.tick)],
  [gauge('node_timex_pps_frequency_hertz', 'Frequency of the pulse-per-second signal.'), (t) => scaled(t.ppsfreq)],
  [gauge('node_timex_pps_jitter_seconds', 'Jitter of the pulse-per-second signal.'), (t) => fraction(t)(t.jitter)],
  [gauge('node_timex_pps_shift_seconds', 'Length of a calibration interval.'), (t) => t.shift],
  [gauge('node_timex_pps_stability_hertz', 'Stability of the pulse-per-second signal.'), (t) => scaled(t.stabil)],
  [counter('node_timex_pps_jitter_total', 'Times that jitter was too large.'), (t) => t.jitcnt],
  [counter('node_timex_pps_calibration_total', 'Calibration intervals.'), (t) => t.calcnt],
  [counter('node_timex_pps_error_total', 'Calibration errors.'), (t) => t.errcnt],
  [counter('node_timex_pps_stability_exceeded_total', 'Times that stability was too low.'), (t) => t.stbcnt],
  [gauge('node_timex_tai_offset_seconds', 'International Atomic Time minus UTC.'), (t) => t.tai],
] as const satisfies readonly (readonly [unknown, (timex: Timex) => number | undefined])[]

/** https://man7.org/linux/man-pages/man2/adjtimex.2.html */
export default collector({
  name: 'timex',
  about: 'Reports the synchronization state and errors of the system clock. Calls adjtimex(2).',
  async collect({ kernel, emit }) {
    const timex = await kernel.adjtimex().catch((error: unknown) => {
      throw codeOf(error) === 'EPERM' ? new NoData('adjtimex(2) is not permitted') : error
    })
    for (const [family, value] of families) emit(family, value(timex))
  },
})
