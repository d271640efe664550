import { durationMs } from '../config/index.ts'
import type { Labels } from '../metrics/index.ts'
import { type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'

/** Flags that several commands have, and what was said by them. */

export const labelFlag: Flag = {
  name: 'label',
  kind: 'list',
  help: 'name=value: a label of every sample; an empty value takes away instance.',
}

/** By name; an empty value stands for a label that is to go. Throws UsageError. */
export function labelsOf(flags: ParsedFlags, reserved: readonly (readonly [name: string, instead: string])[]): Labels {
  const pairs = (flags.get(labelFlag.name) ?? []) as readonly string[]
  return Object.fromEntries(pairs.map((pair) => labelOf(pair, new Map(reserved))))
}

function labelOf(pair: string, reserved: ReadonlyMap<string, string>): readonly [name: string, value: string] {
  const [, name, value] = /^([a-zA-Z_]\w*)=(.*)$/s.exec(pair) ?? []
  if (name === undefined || value === undefined) throw new UsageError(`--${labelFlag.name}: ${pair} is not name=value`)
  const instead = reserved.get(name)
  if (instead !== undefined) throw new UsageError(`--${labelFlag.name}: ${instead}`)
  if (name.startsWith('__')) throw new UsageError(`--${labelFlag.name}: names such as ${name} are reserved`)
  return [name, value]
}

/** Milliseconds above 0; undefined where neither the flag nor its fallback says any. Throws UsageError. */
export function durationOf(flags: ParsedFlags, flag: Flag & { readonly fallback: string }): number
export function durationOf(flags: ParsedFlags, flag: Flag): number | undefined
export function durationOf(flags: ParsedFlags, { name, fallback }: Flag): number | undefined {
  const text = flags.get(name) ?? fallback
  if (text === undefined) return undefined
  const ms = durationMs(String(text))
  if (!ms) throw new UsageError(`--${name}: ${text} is not a duration such as 5s`)
  return ms
}
