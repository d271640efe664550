import { collectEach, collector, collectParts, requireDir } from '../collector.ts'
import { gauge, undatedCounter } from '../metrics/index.ts'

const statistic = (file: string, help: string, name = file) =>
  [file, undatedCounter(`node_fibrechannel_${name}_total`, help, ['fc_host'])] as const

const statistics = [
  statistic('dumped_frames', 'Frames dropped because no buffer was free.'),
  statistic('error_frames', 'Frames discarded because they were faulty.'),
  statistic('fcp_packet_aborts', 'FCP packets aborted.'),
  statistic('invalid_crc_count', 'Frames with a wrong checksum.', 'invalid_crc'),
  statistic('invalid_tx_word_count', 'Transmission words that were invalid.', 'invalid_tx_words'),
  statistic('link_failure_count', 'Times the link failed.', 'link_failure'),
  statistic('loss_of_signal_count', 'Times the signal was lost.', 'loss_of_signal'),
  statistic('loss_of_sync_count', 'Times synchronization was lost.', 'loss_of_sync'),
  statistic('nos_count', 'Not-operational sequences seen.', 'nos'),
  statistic('rx_frames', 'Frames received.'),
  statistic('rx_words', 'Words received.'),
  statistic('seconds_since_last_reset', 'Seconds since the statistics were reset.'),
  statistic('tx_frames', 'Frames sent.'),
  statistic('tx_words', 'Words sent.'),
]

const texts = {
  dev_loss_tmo: '',
  port_state: '',
  port_type: '',
  speed: '',
  supported_classes: '',
  supported_speeds: '',
  symbolic_name: '',
}
const names = Object.keys(texts) as (keyof typeof texts)[]
const info = gauge('node_fibrechannel_info', 'Information about the host adapter; always 1.', [
  'fabric_name',
  'fc_host',
  'port_id',
  'port_name',
  ...names,
])

/** The value of a statistic that the adapter does not support. */
const unsupported = '0xffffffffffffffff'

/** Documentation/ABI/testing/sysfs-class-fc_host and Documentation/scsi/scsi_fc_transport.rst */
export default collector({
  name: 'fibrechannel',
  about: 'Reports information and statistics of Fibre Channel host adapters. Reads /sys/class/fc_host.',
  collect({ sys, emit }) {
    collectEach(requireDir(sys.at('class/fc_host')).children(), (host) => {
      const collectInfo = () =>
        emit(info, 1, {
          fc_host: host.name,
          fabric_name: withoutPrefix(host.text('fabric_name')),
          port_id: withoutPrefix(host.text('port_id')),
          port_name: withoutPrefix(host.text('port_name')),
          ...texts,
          ...host.texts(names),
        })
      const collectStatistics = () =>
        collectEach(statistics, ([file, family]) => {
          if (host.text(`statistics/${file}`) !== unsupported)
            emit(family, host.number(`statistics/${file}`), { fc_host: host.name })
        })
      collectParts(collectInfo, collectStatistics)
    })
  },
})

/** Removes the first two characters, `0x`. */
function withoutPrefix(text = ''): string {
  return text.replace(/^..(?=.)/su, '')
}
