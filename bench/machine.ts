import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { MissingProgram } from './bench.ts'
import { program, root } from './processes.ts'

/** The machine and the program versions, as Markdown. */
export function machine(): string {
  const processors = cpus()
  const facts = [
    ['kernel', `Linux ${release()} ${process.arch}, ${distribution()}`],
    ['CPUs', `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['node', process.version],
    ['hostpush', revision()],
    ...versions.map(([name, ...command]) => [name, version(name, command)]),
  ]
  return facts.map(([what, is]) => `- ${what}: ${is}\n`).join('')
}

function distribution(): string {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown'
}

/** How to query each program's version: a program installed by Go or Debian may not print it. */
const versions: readonly (readonly [name: string, file: string, ...args: readonly string[]])[] = [
  ['node_exporter', 'grep', '-aom1', 'node_exporter\tv[0-9.]*', 'FILE'],
  ['vmagent', 'dpkg-query', '--show', 'victoria-metrics'],
  ['prometheus', 'FILE', '--version'],
  ['cc', 'FILE', '--version'],
]

function version(name: string, command: readonly string[]): string {
  try {
    const path = program(name)
    const [file = '', ...args] = command.map((word) => (word === 'FILE' ? path : word))
    return /v?\d+\.\d[^\s,)]*/.exec(outputOf(file, ...args))?.[0] ?? 'unknown'
  } catch (error) {
    if (error instanceof MissingProgram) return 'not installed'
    throw error
  }
}

function revision(): string {
  const changes = outputOf('git', 'status', '--porcelain', '--untracked-files=no', 'src')
  return `${outputOf('git', 'log', '-1', '--format=%h')}${changes === '' ? '' : ', with changes'}`
}

function outputOf(file: string, ...args: readonly string[]): string {
  return spawnSync(file, args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? ''
}
