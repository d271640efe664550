import { collectEach, collector, pattern, requireDir, requireValue } from '../collector.ts'
import { counter, filterOf, gauge } from '../metrics/index.ts'

const make = (define: typeof counter, file: string, name: string, help: string, scale = 1) =>
  [file, define(`node_tape_${name}`, help, ['device']), scale] as const

/** Nanoseconds are multiplied, not divided, to get the same last bit as node_exporter. */
const nano = 1e-9

const attributes = [
  make(gauge, 'in_flight', 'io_now', 'Requests that are under way.'),
  make(counter, 'io_ns', 'io_time_seconds_total', 'Seconds spent on requests of all kinds.', nano),
  make(counter, 'other_cnt', 'io_others_total', 'Requests that were neither reads nor writes.'),
  make(counter, 'read_byte_cnt', 'read_bytes_total', 'Bytes read.'),
  make(counter, 'read_cnt', 'reads_completed_total', 'Reads completed.'),
  make(counter, 'read_ns', 'read_time_seconds_total', 'Seconds spent reading.', nano),
  make(counter, 'resid_cnt', 'residual_total', 'Reads and writes that moved less than was asked for.'),
  make(counter, 'write_byte_cnt', 'written_bytes_total', 'Bytes written.'),
  make(counter, 'write_cnt', 'writes_completed_total', 'Writes completed.'),
  make(counter, 'write_ns', 'write_time_seconds_total', 'Seconds spent writing.', nano),
]

/** Documentation/scsi/st.rst. `nst0`, `st0a` and the like are other device nodes of `st0`. */
export default collector({
  name: 'tapestats',
  about: 'Reports I/O counters of tape drives. Reads /sys/class/scsi_tape.',
  options: { 'ignored-devices': pattern('^$', 'Tape devices to exclude.') },
  state: (options) => filterOf(undefined, options['ignored-devices']),
  collect({ sys, emit, state: isIncluded }) {
    const tapes = requireDir(sys.at('class/scsi_tape')).children('st')
    collectEach(
      tapes.filter(({ id, name }) => /^\d+$/.test(id) && isIncluded(name)),
      (tape) => {
        const stats = tape.at('stats')
        requireValue(stats.status(), `${tape.name}/stats`)
        collectEach(attributes, ([file, family, scale]) => {
          const value = stats.number(file)
          emit(family, value === undefined ? undefined : value * scale, { device: tape.name })
        })
      },
    )
  },
})
