import { parseArgs } from 'node:util'
import { didYouMean } from './did-you-mean.ts'

/** A command line flag. Forms: switch `--x` or `--no-x`; value `--x=v` or `--x v`; list: a repeatable value. */
export interface Flag {
  readonly name: string
  readonly kind: 'switch' | 'value' | 'list'
  readonly help: string
  /** What the value is, as the help shows it: `FILE`. */
  readonly value?: string
  /** The default as a user would write it; the help shows it. */
  readonly fallback?: string
  readonly hidden?: boolean
}

/** The flags on the command line, without defaults. */
export type ParsedFlags = ReadonlyMap<string, string | boolean | readonly string[]>

/** Flags of the past by name, with the flag that replaced them (`--new`), or with what happened to them and what to do. */
export type FormerFlags = Readonly<Record<string, string>>

/** An invalid command line; exit status 2. */
export class UsageError extends Error {}

export interface CommandLine {
  readonly flags: ParsedFlags
  readonly operands: readonly string[]
  /** Set by `parseBeforeProgram` if the flags before another program's command line are invalid; `flags` is then empty. */
  readonly usageError?: UsageError
}

/** Parses a command's arguments. Throws UsageError at the first flag that is unknown, repeated or without its value. */
export function parseFlags(args: readonly string[], known: readonly Flag[], former: FormerFlags = {}): CommandLine {
  const byName = new Map(known.map((flag) => [flag.name, flag]))
  const options = Object.fromEntries(
    known.map(({ name, kind }) => [name, { type: kind === 'switch' ? 'boolean' : 'string', multiple: true } as const]),
  )
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: 'boolean', short: 'h', multiple: true } },
    strict: false,
    allowNegative: true,
    allowPositionals: true,
    tokens: true,
  })
  const flags = new Map<string, string | boolean | string[]>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const negated = token.rawName.startsWith('--no-') && !byName.has(token.rawName.slice(2))
    const name = negated ? token.rawName.slice(5) : token.name
    const flag = byName.get(name)
    if (flag === undefined || (negated && flag.kind !== 'switch'))
      throw new UsageError(unknown(oneDash(args[token.index]) ?? token.rawName, known, former))
    setFlag(flags, flag, negated, token.value)
  }
  return { flags, operands: positionals }
}

/**
 * Splits a command line that ends with another program's command line. The program starts after `--`, or at the first
 * word that is not a flag. After an unknown flag the next word may be its value: then only `--` starts the program.
 */
export function beforeProgram(
  args: readonly string[],
  known: readonly Flag[],
): { readonly own: readonly string[]; readonly program: readonly string[] } {
  const cut = (at: number, skip: number) => ({ own: args.slice(0, at), program: args.slice(at + skip) })
  const byForm = new Map(known.flatMap(({ name, kind }) => [[`--${name}`, kind] as const, [`--no-${name}`, kind]]))
  let isCertain = true
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word === '--') return cut(at, 1)
    if (!word.startsWith('-')) {
      if (isCertain) return cut(at, 0)
      continue
    }
    const kind = byForm.get(word.split('=', 1)[0] ?? '')
    isCertain &&= kind !== undefined
    if (kind !== undefined && kind !== 'switch' && !word.includes('=') && args[at + 1] !== '--') at++
  }
  return cut(args.length, 0)
}

/** As `parseFlags`, for a command line that ends with another program's. If there is a program, invalid flags are returned as `usageError`, not thrown. */
export function parseBeforeProgram(
  args: readonly string[],
  known: readonly Flag[],
  former: FormerFlags = {},
): CommandLine {
  const { own, program } = beforeProgram(args, known)
  try {
    return { flags: parseFlags(own, known, former).flags, operands: program }
  } catch (error) {
    if (program.length === 0 || !(error instanceof UsageError)) throw error
    return { flags: new Map(), operands: program, usageError: error }
  }
}

function setFlag(
  flags: Map<string, string | boolean | string[]>,
  { name, kind }: Flag,
  negated: boolean,
  value: string | undefined,
): void {
  const before = flags.get(name)
  if (kind === 'switch') {
    if (value !== undefined)
      throw new UsageError(`flag --${name} does not accept a value: use --${name} or --no-${name}`)
    flags.set(name, !negated)
    return
  }
  if (value === undefined) throw new UsageError(`flag --${name} requires a value: --${name}=VALUE`)
  if (kind === 'list') flags.set(name, [...((before as string[] | undefined) ?? []), value])
  else if (before !== undefined) throw new UsageError(`flag --${name} cannot be repeated`)
  else flags.set(name, value)
}

/** `-web.listen-address`, the form of node_exporter before 0.15, is one flag and not the letters w, e, b and so on. */
function oneDash(arg = ''): string | undefined {
  return /^-[a-z][\w.-]+/i.exec(arg)?.[0]
}

function unknown(given: string, known: readonly Flag[], former: FormerFlags): string {
  const name = given.replace(/^--?(no-)?/, '')
  const now = former[name]
  if (now !== undefined && !now.startsWith('--')) return `unknown flag ${given}: it ${now}`
  const names = known.flatMap(({ name, kind }) => (kind === 'switch' ? [`--${name}`, `--no-${name}`] : [`--${name}`]))
  const isAccepted = now !== undefined && names.includes(now)
  return `unknown flag ${given}${isAccepted ? `, did you mean ${now}?` : didYouMean(given.replace(/^--?/, '--'), names)}`
}
