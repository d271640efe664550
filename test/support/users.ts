import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startGateway } from '../pushgateway/gateway.ts'
import { root, start, temporary } from './servers.ts'

/** The README and the guides, whose commands, configurations and scripts are tested. */
export const userPages = [
  'README.md',
  'docs/exec.md',
  'docs/behind-nat.md',
  'docs/ci-runner.md',
  'docs/spot-instance.md',
  'docs/cron.md',
  'docs/exec-service.md',
  'docs/instead-of-curl.md',
]

/** The text before a command in a systemd unit, a CI step or a crontab. */
const prefix = /^(ExecStart=\/opt\/hostpush\/bin\/|- run: |[\d*/]+( +[\d*]+){4} +root +)/

/** All hostpush commands in the code blocks of these pages, in the shell or in another file format. */
export function userCommands(): readonly string[] {
  const blocks = userPages.flatMap((page) => [
    ...readFileSync(join(root, page), 'utf8').matchAll(/^ *```\w+\n([\s\S]*?)^ *```/gm),
  ])
  const lines = blocks.flatMap(([, block = '']) => block.split('\n')).map((line) => line.trim().replace(prefix, ''))
  return [...new Set(lines.filter((line) => /^(echo .* \| )?hostpush /.test(line)))]
}

/** Runs such a command from source against a Pushgateway that accepts everything; `true` replaces the user's program. */
export async function asUser(
  t: TestContext,
  line: string,
): Promise<{ readonly status: unknown; readonly output: string; readonly pushes: number }> {
  const { url, requests } = await startGateway(t, () => undefined)
  const folder = temporary(t)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ pushgateway: [{ url }] }))
  const command = line
    .replaceAll('http://pushgateway.example:9091', url)
    .replaceAll('/etc/hostpush/config.json', join(folder, 'config.json'))
    .replace(/ -- .*/, ' -- true')
    .replace(/(^|\| )hostpush /, `$1'${process.execPath}' src/cli.ts `)
  const running = start(t, 'sh', ['-c', command])
  return { status: await running.ended, output: running.output(), pushes: requests.length }
}
