import protobuf from 'protobufjs/minimal.js'
import type { Series } from '../../metrics/index.ts'
import type { Label } from '../../relabel/index.ts'

export type { Label }

/**
 * The label set of a series as the specification requires: `__name__`, the labels of the family, and identity labels (job,
 * instance, external labels) that the family does not have. No empty values; sorted by the bytes of the name; valid UTF-8.
 * https://prometheus.io/docs/specs/prw/remote_write_spec/#labels
 */
export function labelsOf({ family, labelValues, identity }: Series): Label[] {
  const set: Record<string, string> = { ...identity }
  family.labelNames.forEach((name, i) => {
    const value = labelValues[i] ?? ''
    if (value !== '') set[name] = value
  })
  set['__name__'] = family.name + family.suffix
  return sorted(Object.entries(set))
}

/** Labels after relabeling without those that start with `__`, which exist only for rules. */
export function sendable(labels: Iterable<Label>): Label[] {
  return sorted([...labels].filter(([name]) => name === '__name__' || (name !== '' && !name.startsWith('__'))))
}

function sorted(labels: readonly Label[]): Label[] {
  return labels
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, value.toWellFormed()] as const)
    .sort(([left], [right]) => byBytes(left, right))
}

/** Order by UTF-8 bytes. The string order of JavaScript differs above U+FFFF. */
function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

/** Labels as the repeated field 1 of a remote-write 1.0 TimeSeries. */
export function labelBytes(labels: readonly Label[]): Uint8Array {
  const writer = new protobuf.Writer()
  for (const [name, value] of labels) writer.uint32(10).fork().uint32(10).string(name).uint32(18).string(value).ldelim()
  return writer.finish().slice()
}
