import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../servers.ts'

/** Runs `hostpush push` as a process of its own, with this on its standard input. */
export const push = (input: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [join(root, 'src/cli.ts'), 'push', ...args], { input, encoding: 'utf8' })
