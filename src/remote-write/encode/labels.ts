import protobuf from 'protobufjs/minimal.js'
import type { Series } from '../../metrics/index.ts'
import type { Label } from '../../relabel/index.ts'

export type { Label }

/**
 * The label set that a receiver is to see, by the rules of the specification: `__name__` and the family's labels, then
 * the identity (job, instance, external labels) where the series has no label of that name; none that is empty;
 * by name in byte order; valid UTF-8.
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

/** What may be sent of labels that went through rules: names that begin with __ were for the rules alone. */
export function sendable(labels: Iterable<Label>): Label[] {
  return sorted([...labels].filter(([name]) => name === '__name__' || (name !== '' && !name.startsWith('__'))))
}

function sorted(labels: readonly Label[]): Label[] {
  return labels
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, value.toWellFormed()] as const)
    .sort(([left], [right]) => byBytes(left, right))
}

/** Order of the UTF-8 bytes; JavaScript's own order of strings differs from it above U+FFFF. */
function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

/** Labels as the repeated field 1 of a remote-write 1.0 TimeSeries: what never changes about a series. */
export function labelBytes(labels: readonly Label[]): Uint8Array {
  const writer = new protobuf.Writer()
  for (const [name, value] of labels) writer.uint32(10).fork().uint32(10).string(name).uint32(18).string(value).ldelim()
  return writer.finish().slice()
}
