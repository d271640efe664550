import type { Hint } from './types.ts'

const unsorted = 'a fault of hostpush: please report it with this line'
const notOurs = 'hostpush sends none of these by itself: something between it and the receiver adds them'
const busy = 'the receiver as a whole is busy, whoever sends: it is tried again; its operator can raise the limit'
const tooMuch =
  'the tenant sends more than its limit: metrics: integration or minimal, a longer scrape_interval, or a higher limit'
const tooMany =
  'the tenant has as many series as it may: metrics: integration or minimal, write_relabel_configs, or a higher limit'
const metadata = 'only type and help of a metric are refused, samples are not; metadata_config.send: false stops it'
const badName = 'a text file or a relabelling makes a name that this receiver does not take'

/** The identifiers of Mimir, and so of Grafana Cloud: https://grafana.com/docs/mimir/latest/manage/mimir-runbooks/ */
const meanings: Readonly<Record<string, string>> = {
  'missing-metric-name': badName,
  'metric-name-invalid': badName,
  'max-label-names-per-series':
    'a series has too many labels: labeldrop some in write_relabel_configs, or set label_limit',
  'label-invalid': badName,
  'label-value-invalid': 'a label holds what is no UTF-8: a text file or a relabelling makes it',
  'label-name-too-long':
    'set label_name_length_limit to what the receiver takes: such series are then left out and told',
  'label-value-too-long':
    'set label_value_length_limit to what the receiver takes, or shorten the label by relabelling',
  'duplicate-label-names': unsorted,
  'labels-not-sorted': unsorted,
  'too-far-in-future': "this host's clock is more than ten minutes ahead of the receiver's: check NTP",
  'too-far-in-past':
    "the samples are older than the receiver takes, or this host's clock is behind: check NTP, sample_age_limit",
  'exemplar-labels-missing': notOurs,
  'exemplar-labels-too-long': notOurs,
  'exemplar-labels-blank': notOurs,
  'exemplar-timestamp-invalid': notOurs,
  'native-histogram-': notOurs,
  'max-series-per-user': tooMany,
  'max-series-per-metric':
    'this one metric has too many series: leave labels or series of it out by write_relabel_configs',
  'max-active-series': tooMany,
  'max-metadata-per-user': metadata,
  'max-metadata-per-metric': metadata,
  'tenant-max-request-rate': 'the tenant sends too many requests: send_interval puts several snapshots into one',
  'tenant-max-ingestion-rate': tooMuch,
  'tenant-too-many-ha-clusters': 'too many values of the label cluster: external_labels should hold few of them',
  'distributor-max-ingestion-rate': busy,
  'distributor-max-inflight-push-requests-bytes': busy,
  'distributor-max-inflight-push-requests': busy,
  'ingester-max-ingestion-rate': busy,
  'ingester-max-tenants': busy,
  'ingester-max-series': busy,
  'ingester-max-inflight-push-requests': busy,
  'distributor-max-write-message-size': 'requests are too large: lower queue_config.max_samples_per_send',
  'request-blocked': "the receiver's operator has blocked this tenant's requests: ask there",
  'metadata-missing-metric-name': metadata,
  'metric-name-too-long': metadata,
  'unit-too-long': metadata,
  'sample-timestamp-too-old':
    'older than this receiver takes: set sample_age_limit to its window (1h, or its out_of_order_time_window)',
  'sample-out-of-order':
    "another host sends under the same job and instance, or this host's clock went back: give each host an instance of its own",
  'sample-duplicate-timestamp':
    'the same series with another value at the same time: another host has the same job and instance, or a relabelling makes two series one',
}

export const mimir: readonly Hint[] = Object.entries(meanings).map(([id, hint]) => ({
  contains: `err-mimir-${id}`,
  hint,
}))
