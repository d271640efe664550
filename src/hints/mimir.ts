import type { Hint } from './types.ts'

const ourBug = 'Report this line to the hostpush project: it is a bug.'
const notOurs = 'Check what is between hostpush and the receiver: hostpush does not send these.'
const overloaded =
  'Ask the operator of the receiver to raise the limit: all tenants together exceed it. hostpush retries.'
const tooFast =
  'Set metrics: integration or minimal, or a longer scrape_interval, or raise the limit: the tenant sends too many samples.'
const tooManySeries =
  'Set metrics: integration or minimal, or drop series in write_relabel_configs, or raise the limit: the tenant has too many series.'
const metadata =
  'Set metadata_config.send: false to stop this: the receiver rejects only type and help of metrics, not samples.'
const tooLarge =
  'Lower queue_config.max_samples_per_send: requests are too large. hostpush sends smaller ones and remembers the size.'
const badName = 'Check text files and write_relabel_configs: one of them makes a name that this receiver rejects.'

/** Error identifiers of Mimir, and so of Grafana Cloud: https://grafana.com/docs/mimir/latest/manage/mimir-runbooks/ */
const hintsById: Readonly<Record<string, string>> = {
  'missing-metric-name': badName,
  'metric-name-invalid': badName,
  'max-label-names-per-series':
    'Use labeldrop in write_relabel_configs, or set label_limit: a series has too many labels.',
  'max-label-names-per-info-series':
    'Use labeldrop in write_relabel_configs, or set label_limit: an info series has too many labels.',
  'label-invalid': badName,
  'label-value-invalid': 'Check text files and write_relabel_configs: a label value is not valid UTF-8.',
  'label-name-too-long':
    'Set label_name_length_limit to the limit of the receiver: hostpush then drops and counts such series.',
  'label-value-too-long':
    'Set label_value_length_limit to the limit of the receiver, or shorten the label in write_relabel_configs.',
  'duplicate-label-names': ourBug,
  'labels-not-sorted': ourBug,
  'too-far-in-future': "Check NTP: this host's clock is more than ten minutes ahead of the receiver's.",
  'too-far-in-past':
    "Check NTP: this host's clock may be behind. If it is right, set sample_age_limit to the age limit of the receiver.",
  'exemplar-labels-missing': notOurs,
  'exemplar-labels-too-long': notOurs,
  'exemplar-labels-blank': notOurs,
  'exemplar-timestamp-invalid': notOurs,
  'exemplar-series-missing': notOurs,
  'exemplar-too-far-in-future': notOurs,
  'exemplar-too-far-in-past': notOurs,
  'native-histogram-': notOurs,
  'max-series-per-user': tooManySeries,
  'max-series-per-metric': 'Drop labels or series of this metric in write_relabel_configs: it has too many series.',
  'max-active-series': tooManySeries,
  'max-metadata-per-user': metadata,
  'max-metadata-per-metric': metadata,
  'tenant-max-request-rate':
    'Set send_interval, which puts several snapshots into one request: the tenant sends too many requests.',
  'tenant-max-ingestion-rate': tooFast,
  'tenant-too-many-ha-clusters': 'Check external_labels: the label cluster has too many values.',
  'distributor-max-ingestion-rate': overloaded,
  'distributor-max-inflight-push-requests-bytes': overloaded,
  'distributor-max-inflight-push-requests': overloaded,
  'ingester-max-ingestion-rate': overloaded,
  'ingester-max-tenants': overloaded,
  'ingester-max-series': overloaded,
  'ingester-max-inflight-push-requests-bytes': overloaded,
  'ingester-max-inflight-push-requests': overloaded,
  'distributor-max-write-message-size': tooLarge,
  'distributor-max-write-request-data-item-size': tooLarge,
  'request-blocked': 'Ask the operator of the receiver, who has blocked requests of this tenant.',
  'metadata-missing-metric-name': metadata,
  'metric-name-too-long': metadata,
  'unit-too-long': metadata,
  'sample-timestamp-too-old':
    'Set sample_age_limit to the window of the receiver (1h, or its out_of_order_time_window): the samples are older.',
  'sample-out-of-order':
    "Give each host a different instance: another host sends under the same job and instance, or this host's clock moved backwards. If the samples have timestamps, they are older than those sent before.",
  'sample-duplicate-timestamp':
    'Give each host a different instance: another host has the same job and instance, or write_relabel_configs makes two series equal.',
}

/** The message of the identifier tenant-max-ingestion-rate for a single request above the burst size. */
const burstSize: Hint = {
  contains: 'ingestion burst size limit',
  hint: 'Lower queue_config.max_samples_per_send below this burst size, or raise it: one request has more samples and metadata. hostpush sends smaller requests and remembers the size.',
}

const byId: readonly Hint[] = Object.entries(hintsById).map(([id, hint]) => ({
  contains: `err-mimir-${id}`,
  hint,
}))

export const mimir: readonly Hint[] = [burstSize, ...byId]
