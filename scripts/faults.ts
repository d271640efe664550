/**
 * `npm run faults [-- --short]` runs every fault test with real processes, disks and servers, and reports lost samples.
 */
import { spawnSync } from 'node:child_process'

const isShort = process.argv.includes('--short')
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-concurrency=1', 'test/**/*.faults.ts'],
  { stdio: 'inherit', env: { ...process.env, FAULTS: isShort ? 'short' : 'full' } },
)
process.exitCode = status ?? 1
