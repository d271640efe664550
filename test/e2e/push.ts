import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { root } from '../support/servers.ts'

const state = mkdtempSync(join(tmpdir(), 'hostpush-'))
after(() => rmSync(state, { recursive: true }))

const run = (input: string, words: readonly string[]) =>
  spawnSync(process.execPath, [join(root, 'src/cli.ts'), ...words], {
    input,
    encoding: 'utf8',
    env: { ...process.env, STATE_DIRECTORY: state },
  })

/** Runs `hostpush push` in a child process with this standard input. */
export const push = (input: string, ...args: readonly string[]) => run(input, ['push', ...args])

/** Lists the buffer of these pushes. */
export const buffer = (...args: readonly string[]) => run('', ['buffer', ...args])
