import * as v from 'valibot'

/** A key of Prometheus that hostpush does not support: it is an error with this text. */
export const unsupported = (words: string) => v.optional(v.custom<undefined>(() => false, words))

/** The keys of Prometheus that refer to a secret manager. */
export function secretRef<const Key extends string>(...keys: readonly Key[]) {
  const of = (key: string) => unsupported(`not supported, hostpush has no secret manager: use ${key} or ${key}_file`)
  return Object.fromEntries(keys.map((key) => [`${key}_ref`, of(key)])) as Record<
    `${Key}_ref`,
    ReturnType<typeof unsupported>
  >
}

/** Sections of a prometheus.yml that have no meaning for a host that pushes. */
export const prometheusSections: ReadonlyMap<string, string> = new Map([
  ['scrape_configs', 'hostpush scrapes no targets, it collects this host; remove the section'],
  ['scrape_config_files', 'hostpush scrapes no targets, it collects this host; remove the key'],
  ['rule_files', 'hostpush evaluates no rules; load them in the receiver'],
  ['alerting', 'hostpush sends no alerts; configure alerting in the receiver'],
  ['remote_read', 'hostpush only writes; remove the section'],
  ['storage', 'use buffer for the local storage'],
  ['otlp', 'hostpush receives no OTLP; remove the section'],
  ['tracing', 'hostpush has no tracing; remove the section'],
])
