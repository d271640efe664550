import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { createLoader } from '../src/bundle-loader.ts'
import type * as cli from '../src/cli.ts'
import type { Terminal } from '../src/commands/command.ts'

// Runs the startup code of an agent and of batch commands, which push to this process, and writes the code cache of the
// functions that ran.

const { load, keep } = createLoader(fileURLToPath(new URL('../dist', import.meta.url)))
const state = mkdtempSync(`${tmpdir()}/hostpush-`)
process.argv.splice(1, Infinity, 'hostpush', 'demo', '--pushes=1', '--interval=1s', '--web.listen-address=127.0.0.1:0')
process.on('exit', (status) => {
  rmSync(state, { recursive: true, force: true })
  if (status === 0) keep()
})
const { main: command, outputKinds } = load('main') as typeof cli

const receiver = createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end()))
receiver.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const terminal: Terminal = {
    environment: { STATE_DIRECTORY: state },
    outputKinds,
    out: () => {},
    err: (text: string) => process.stderr.write(text),
    input: async () => Buffer.from('code_cache 1\n'),
    isTTY: false,
    restartAs: () => Promise.reject(new Error('not here')),
    onHangup() {},
    onForcedStop() {},
    stop: new AbortController().signal,
  }
  await command(['once', `--remote-write.url=${url}`], terminal)
  await command(['push', '--job=code-cache', `--pushgateway=${url}`], terminal)
  await command(['exec', `--remote-write.url=${url}`, '--', 'true'], terminal)
  receiver.close()
})
