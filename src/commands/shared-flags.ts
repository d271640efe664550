import { durationMs } from '../config/index.ts'
import type { Labels } from '../metrics/index.ts'
import { type Flag, type ParsedFlags, UsageError } from '../util/flags.ts'

/** Flags of several commands, and functions that read their values. */

export const labelFlag: Flag = {
  name: 'label',
  kind: 'list',
  value: 'NAME=VALUE',
  help: 'Label to add to every sample. An empty value removes a configured label: --label=instance=',
}

/** Labels by name. An empty value removes the label. Throws UsageError. */
export function labelsOf(flags: ParsedFlags, reserved: readonly (readonly [name: string, instead: string])[]): Labels {
  const pairs = (flags.get(labelFlag.name) ?? []) as readonly string[]
  return Object.fromEntries(pairs.map((pair) => labelOf(pair, new Map(reserved))))
}

function labelOf(pair: string, reserved: ReadonlyMap<string, string>): readonly [name: string, value: string] {
  const [, name, value] = /^([a-zA-Z_]\w*)=(.*)$/s.exec(pair) ?? []
  if (name === undefined || value === undefined) throw new UsageError(`--${labelFlag.name}: ${pair} is not NAME=VALUE`)
  const instead = reserved.get(name)
  if (instead !== undefined) throw new UsageError(`--${labelFlag.name}: ${instead}`)
  if (name.startsWith('__'))
    throw new UsageError(`--${labelFlag.name}: ${name} is reserved, names that begin with __ are internal`)
  return [name, value]
}

/** Milliseconds above 0; undefined if the flag is not set and has no default. Throws UsageError. */
export function durationOf(flags: ParsedFlags, flag: Flag & { readonly fallback: string }): number
export function durationOf(flags: ParsedFlags, flag: Flag): number | undefined
export function durationOf(flags: ParsedFlags, { name, fallback }: Flag): number | undefined {
  const text = flags.get(name) ?? fallback
  if (text === undefined) return undefined
  const ms = durationMs(String(text))
  if (!ms) throw new UsageError(`--${name}: ${text} is not a duration above 0, for example 5s`)
  return ms
}
