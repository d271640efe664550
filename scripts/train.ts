import { fileURLToPath } from 'node:url'
import { createLoader } from '../src/start.ts'

// Runs what an agent does first, collecting and pushing, to this process itself; then writes the code cache of what ran.

const { load, keep } = createLoader(fileURLToPath(new URL('../dist', import.meta.url)))
process.argv.splice(1, Infinity, 'hostpush', 'demo', '--pushes=1', '--interval=1s', '--web.listen-address=127.0.0.1:0')
process.on('exit', (status) => {
  if (status === 0) keep()
})
load('main')
