import { collectEach, collector, collectParts, type Emit, pattern, requireDir, requireValue } from '../collector.ts'
import type { Dir } from '../host/index.ts'
import { filterOf, gauge, undatedCounter } from '../metrics/index.ts'

const port = ['device', 'port'] as const
const info = gauge('node_infiniband_info', 'Information about the device; always 1.', [
  'board_id',
  'device',
  'firmware_version',
  'hca_type',
])
const rate = gauge('node_infiniband_rate_bytes_per_second', 'Maximum data rate of the port in bytes per second.', port)
const stateId = gauge('node_infiniband_state_id', 'Logical state of the port; 4 is active.', port)
const physical = gauge('node_infiniband_physical_state_id', 'Physical state of the port; 5 is link up.', port)
const lifespan = gauge('node_infiniband_lifespan_seconds', 'Maximum age of the hardware counters.', port)

/** One `file metric scale` per line; `=`, or nothing, means that the metric has the name of the file. */
const counters = (directory: string, table: string) =>
  table
    .trim()
    .split('\n')
    .map((line) => {
      const [file = '', metric = '=', scale = '1'] = line.trim().split(/\s+/)
      const name = `node_infiniband_${metric === '=' ? file : metric}_total`
      return [
        `${directory}/${file}`,
        undatedCounter(name, `Counter ${file} of the port.`, port),
        Number(scale),
      ] as const
    })

/** Data is counted in words of four bytes. Documentation/ABI/stable/sysfs-class-infiniband describes each counter. */
const table = [
  ...counters(
    'counters',
    `excessive_buffer_overrun_errors
     link_downed
     link_error_recovery
     local_link_integrity_errors
     multicast_rcv_packets            multicast_packets_received
     multicast_xmit_packets           multicast_packets_transmitted
     port_rcv_constraint_errors       port_constraint_errors_received
     port_rcv_data                    port_data_received_bytes  4
     port_rcv_discards                port_discards_received
     port_rcv_errors                  port_errors_received
     port_rcv_packets                 port_packets_received
     port_rcv_remote_physical_errors  port_receive_remote_physical_errors
     port_rcv_switch_relay_errors     port_receive_switch_relay_errors
     port_xmit_constraint_errors      port_constraint_errors_transmitted
     port_xmit_data                   port_data_transmitted_bytes  4
     port_xmit_discards               port_discards_transmitted
     port_xmit_packets                port_packets_transmitted
     port_xmit_wait                   port_transmit_wait
     symbol_error
     unicast_rcv_packets              unicast_packets_received
     unicast_xmit_packets             unicast_packets_transmitted
     VL15_dropped                     vl15_dropped`,
  ),
  ...counters(
    'counters_ext',
    `port_multicast_rcv_packets       legacy_multicast_packets_received
     port_multicast_xmit_packets      legacy_multicast_packets_transmitted
     port_rcv_data_64                 legacy_data_received_bytes  4
     port_rcv_packets_64              legacy_packets_received
     port_unicast_rcv_packets         legacy_unicast_packets_received
     port_unicast_xmit_packets        legacy_unicast_packets_transmitted
     port_xmit_data_64                legacy_data_transmitted_bytes  4
     port_xmit_packets_64             legacy_packets_transmitted`,
  ),
  ...counters(
    'hw_counters',
    `duplicate_request                duplicate_requests_packets
     implied_nak_seq_err              implied_nak_seq_errors
     local_ack_timeout_err            local_ack_timeout_errors
     np_cnp_sent                      np_cnp_packets_sent
     np_ecn_marked_roce_packets       np_ecn_marked_roce_packets_received
     out_of_buffer                    out_of_buffer_drops
     out_of_sequence                  out_of_sequence_packets_received
     packet_seq_err                   packet_sequence_errors
     req_cqe_error                    req_cqes_errors
     req_cqe_flush_error              req_cqes_flush_errors
     req_remote_access_errors
     req_remote_invalid_request       req_remote_invalid_request_errors
     resp_cqe_error                   resp_cqes_errors
     resp_cqe_flush_error             resp_cqes_flush_errors
     resp_local_length_error          resp_local_length_errors
     resp_remote_access_errors
     rnr_nak_retry_err                rnr_nak_retry_packets_received
     roce_adp_retrans                 roce_adp_retransmits
     roce_adp_retrans_to              roce_adp_retransmits_timeout
     roce_slow_restart                roce_slow_restart_used
     roce_slow_restart_cnps
     roce_slow_restart_trans          roce_slow_restart
     rp_cnp_handled                   rp_cnp_packets_handled
     rp_cnp_ignored                   rp_cnp_ignored_packets_received
     rx_atomic_requests
     rx_dct_connect                   rx_dct_connect_requests
     rx_icrc_encapsulated             rx_icrc_encapsulated_errors
     rx_read_requests
     rx_write_requests`,
  ),
]

export default collector({
  name: 'infiniband',
  about: 'Reports the state, rate and counters of InfiniBand and Omni-Path ports. Reads /sys/class/infiniband.',
  options: {
    'device-include': pattern('', 'Devices to collect.'),
    'device-exclude': pattern('', 'Devices to exclude.'),
  },
  state: (options) => filterOf(options['device-include'], options['device-exclude']),
  collect({ sys, emit, state: isIncluded }) {
    const devices = requireDir(sys.at('class/infiniband')).children()
    collectEach(
      devices.filter(({ name }) => isIncluded(name)),
      (device) => {
        const collectInfo = () =>
          emit(info, 1, {
            board_id: device.text('board_id') ?? '',
            device: device.name,
            firmware_version: must(device, 'fw_ver'),
            hca_type: device.text('hca_type') ?? '',
          })
        const collectPorts = () =>
          collectEach(requireDir(device.at('ports')).children(), (one) => collectPort(one, device.name, emit))
        collectParts(collectInfo, collectPorts)
      },
    )
  },
})

function collectPort(dir: Dir, device: string, emit: Emit): void {
  const labels = { device, port: dir.name }
  collectParts(
    () => emit(stateId, parseState(must(dir, 'state')), labels),
    () => emit(physical, parseState(must(dir, 'phys_state')), labels),
    () => emit(rate, parseRate(must(dir, 'rate')), labels),
    () => {
      const age = count(dir, 'hw_counters/lifespan')
      emit(lifespan, age === undefined ? undefined : Math.trunc(age / 1000), labels)
    },
    () =>
      collectEach(table, ([file, family, scale]) => {
        const value = count(dir, file)
        emit(family, value === undefined ? undefined : value * scale, labels)
      }),
  )
}

const must = (dir: Dir, file: string) => requireValue(dir.text(file), `${dir.path}/${file}`)

/** A counter; undefined for `N/A (no PMA)`, the value of a device without a performance management agent. */
function count(dir: Dir, file: string): number | undefined {
  return dir.text(file)?.startsWith('N/A') ? undefined : dir.number(file)
}

/** `4: ACTIVE` is 4. */
export function parseState(text: string): number {
  const [, id] = /^(\d+):/.exec(text) ?? []
  if (id === undefined) throw new Error(`port state ${JSON.stringify(text)} does not begin with a number`)
  return Number(id)
}

/** `2.5 Gb/sec (1X SDR)` in bytes per second; node_exporter parses the number as a float32. */
export function parseRate(text: string): number {
  const [, gigabits] = /^([\d.]+) Gb\/sec/.exec(text) ?? []
  if (gigabits === undefined) throw new Error(`port rate ${JSON.stringify(text)} is not in Gb/sec`)
  return Math.trunc(Math.fround(Number(gigabits)) * 125_000_000)
}
