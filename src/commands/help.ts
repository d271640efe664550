import type { Flag } from '../util/flags.ts'
import type { Command, Terminal } from './command.ts'

/** The flag that adds the collectors' flags to a help. */
export const collectorHelp = '--help-collectors'

const isCollectorFlag = ({ name }: Flag) => name.startsWith('collector.')

/** The flags of collectors are some three hundred lines: the normal help leaves them out. */
export async function helpOf(command: Command, terminal: Terminal, areCollectorsShown: boolean): Promise<string> {
  const flags = (await command.flags(terminal)).filter(({ hidden }) => hidden !== true)
  const collectors = flags.filter(isCollectorFlag)
  const own = flags.filter((flag) => !isCollectorFlag(flag))
  const pointer =
    collectors.length === 0
      ? ''
      : `\nCollector flags (--collector.NAME, --no-collector.NAME and options): hostpush ${command.name} ${collectorHelp}\n`
  return [
    `Usage: hostpush ${command.name} ${command.usage}\n\n${command.summary}\n`,
    examplesText(command.examples),
    ...(own.length === 0 ? [] : [`\nFlags:\n${flagTable(own)}`]),
    statusText(command.exitStatuses ?? []),
    areCollectorsShown ? `\nCollector flags:\n${flagTable(collectors)}` : pointer,
  ].join('')
}

/** Whether a command has flags of collectors. */
export const hasCollectorFlags = (flags: readonly Flag[]): boolean => flags.some(isCollectorFlag)

/** Each example is a comment and the command line below it. */
export const examplesText = (examples: Command['examples']): string =>
  `\nExamples:\n${examples.map(([comment, line]) => `  # ${comment}\n  ${line}\n`).join('')}`

const statusText = (statuses: NonNullable<Command['exitStatuses']>) =>
  statuses.length === 0
    ? ''
    : `\nExit status:\n${statuses.map(([status, meaning]) => `  ${status.padEnd(7)}${meaning}\n`).join('')}`

const columns = { form: 34, line: 110 } as const

/** One flag a line, or two where its form or its text is long. */
export function flagTable(flags: readonly Flag[]): string {
  return flags
    .map((flag) => {
      const form = `  ${formOf(flag)}`
      const [first = '', ...rest] = wrapped(`${flag.help}${detailsOf(flag)}`, columns.line - columns.form)
      const indent = ' '.repeat(columns.form)
      const head =
        form.length < columns.form - 1 ? `${form.padEnd(columns.form)}${first}` : `${form}\n${indent}${first}`
      return `${[head, ...rest.map((text) => `${indent}${text}`)].join('\n')}\n`
    })
    .join('')
}

const formOf = ({ name, kind, value = 'VALUE' }: Flag) => (kind === 'switch' ? `--[no-]${name}` : `--${name}=${value}`)

function detailsOf({ kind, fallback = '' }: Flag): string {
  const isShown = fallback !== '' && fallback !== 'false'
  return `${isShown ? ` Default: ${fallback}` : ''}${kind === 'list' ? ' (repeatable)' : ''}`
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
