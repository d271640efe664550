import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startGateway } from '../pushgateway/gateway.ts'
import { root, start, temporary } from './servers.ts'

/** Pages for one kind of user each. */
export const userPages = [
  'exec',
  'behind-nat',
  'ci-runner',
  'spot-instance',
  'cron',
  'exec-service',
  'instead-of-curl',
].map((name) => `docs/${name}.md`)

/** The text before a command in a unit, a CI step or a crontab. */
const before = /^(ExecStart=\/opt\/hostpush\/bin\/|- run: |[\d*/]+( +[\d*]+){4} +root +)/

/** The hostpush commands in these pages. */
export function userCommands(): readonly string[] {
  const blocks = userPages.flatMap((page) => [
    ...readFileSync(join(root, page), 'utf8').matchAll(/^ *```\w+\n([\s\S]*?)^ *```/gm),
  ])
  const lines = blocks.flatMap(([, block = '']) => block.split('\n')).map((line) => line.trim().replace(before, ''))
  return [...new Set(lines.filter((line) => /^(echo .* \| )?hostpush /.test(line)))]
}

/** Runs such a command with this program and a Pushgateway that accepts everything; the user's own program does nothing. */
export async function asUser(
  t: TestContext,
  line: string,
): Promise<{ readonly status: unknown; readonly output: string; readonly pushes: number }> {
  const { url, requests } = await startGateway(t, () => undefined)
  const folder = temporary(t)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ pushgateway: [{ url }] }))
  const here = line
    .replaceAll('http://pushgateway.example:9091', url)
    .replaceAll('/etc/hostpush/config.json', join(folder, 'config.json'))
    .replace(/ -- .*/, ' -- true')
    .replace(/(^|\| )hostpush /, `$1'${process.execPath}' src/cli.ts `)
  const running = start(t, 'sh', ['-c', here])
  return { status: await running.ended, output: running.output(), pushes: requests.length }
}
