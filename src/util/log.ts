export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Format = 'logfmt' | 'json'
export type Fields = Readonly<Record<string, unknown>>

/** Writes one line for each event: a constant message and fields. Log a change of state, not a state that lasts. */
export type Log = Readonly<Record<Level, (message: string, fields?: Fields) => void>>

export const levels = ['debug', 'info', 'warn', 'error'] as const satisfies readonly Level[]
export const formats = ['logfmt', 'json'] as const satisfies readonly Format[]

/** A value that must not appear in output: it prints as `***`. Only the code that sends it calls `reveal`. */
export class Secret {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  reveal(): string {
    return this.#text
  }
  toString(): string {
    return '***'
  }
  toJSON(): string {
    return '***'
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}

/** Calls `write` with each line, including the line end. `now`: milliseconds since the epoch. */
export function createLog(level: Level, format: Format, write: (line: string) => void, now: () => number): Log {
  const lowest = levels.indexOf(level)
  const line = format === 'json' ? jsonLine : logfmtLine
  const at = (one: Level) =>
    levels.indexOf(one) < lowest
      ? () => {}
      : (message: string, fields: Fields = {}) => {
          write(
            line([
              ['time', new Date(now()).toISOString()],
              ['level', one.toUpperCase()],
              ['msg', message],
              ...pairsOf(fields),
            ]),
          )
        }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** The effect of an event on samples. Messages with `stopped` or `lost` have the level error, and no others. */
export type DataEffect =
  /** Samples are not affected. */
  | 'none'
  /** Samples are late or incomplete, but none is lost. */
  | 'kept'
  /** Nothing is delivered until somebody acts; samples are kept within the limits of the buffer. */
  | 'stopped'
  | 'lost'

/** A log message. docs/logs.md is generated from all messages. */
export interface Message {
  /** The part that reports, as the field `component` shows it. */
  readonly component: string
  readonly level: Level
  /** What happened, with the words that an operator searches for. Constant. */
  readonly text: string
  readonly meaning: string
  readonly data: DataEffect
  /** What the operator does about it. */
  readonly action: string
}

type Definition = Omit<Message, 'component'>

/** The messages of one part. */
export const defineMessages = <const Name extends string>(
  component: string,
  definitions: Readonly<Record<Name, Definition>>,
): Readonly<Record<Name, Message>> =>
  Object.fromEntries(
    Object.entries<Definition>(definitions).map(([name, definition]) => [name, { component, ...definition }]),
  ) as Record<Name, Message>

/** Logs a message at its level, or at `at`: `debug` for a repetition. */
export function report(log: Log, { component, level, text }: Message, fields: Fields = {}, at: Level = level): void {
  log[at](text, { component, ...fields })
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

type Pair = readonly [key: string, value: unknown]

function pairsOf(fields: Fields): Pair[] {
  return Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, plain(value)] as const]))
}

function plain(value: unknown): unknown {
  return value instanceof Error ? messageOf(value) : value
}

/** The messages of an error and its causes, each once. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? messageOf(error.cause) : ''
  return cause === '' || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}

function jsonLine(pairs: Pair[]): string {
  return `${escaped(Object.fromEntries(pairs))}\n`
}

function logfmtLine(pairs: Pair[]): string {
  return `${pairs.map(([key, value]) => `${key}=${quoted(value)}`).join(' ')}\n`
}

function quoted(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
  return /^[^\s"=\\\p{C}]+$/u.test(text) ? text : escaped(text)
}

/**
 * JSON, with escapes for what JSON.stringify leaves as it is: control characters, Unicode line separators, and characters
 * that change the direction of the text, so that a line would look like another one.
 */
function escaped(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
