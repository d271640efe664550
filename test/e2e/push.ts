import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { root } from '../servers.ts'

const state = mkdtempSync(join(tmpdir(), 'hostpush-'))
after(() => rmSync(state, { recursive: true }))

/** Runs `hostpush push` as a process of its own, with this on its standard input. */
export const push = (input: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [join(root, 'src/cli.ts'), 'push', ...args], {
    input,
    encoding: 'utf8',
    env: { ...process.env, STATE_DIRECTORY: state },
  })
