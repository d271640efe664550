/*
 * network.ts starts this program inside a network namespace. It runs the real node_exporter and `hostpush collect` there
 * and prints the output of both. Arguments: the path of node_exporter and flags for both.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { loadLibc } from '../../src/host/syscall/ffi.ts'
import { startPeer } from '../peer.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const [program = '', ...flags] = process.argv.slice(2)

/** Sets link modes of a TAP device, which accepts any: ETHTOOL_SLINKSETTINGS with these bits. */
async function setModes(device: string, supported: readonly number[], advertised: readonly number[]): Promise<void> {
  const libc = await loadLibc()
  const [command, words, masks] = [0x4d, 4, 48]
  const settings = Buffer.alloc(masks + 3 * 4 * words)
  settings.writeUInt32LE(command, 0)
  settings.writeUInt32LE(1000, 4)
  settings[11] = 1
  settings[15] = words
  for (const [mask, bits] of [supported, advertised].entries()) {
    for (const bit of bits) {
      const at = masks + mask * 4 * words + (bit >> 3)
      settings[at] = (settings[at] ?? 0) | (1 << (bit & 7))
    }
  }
  const request = Buffer.alloc(40)
  request.write(device)
  request.writeBigUInt64LE(libc.address(settings), 16)
  const socket = libc.socket(2, 2, 0)
  await libc.ioctl(socket, 0x8946, request)
  libc.close(socket)
}

/** Opens sockets in several states; they stay open until this process ends. */
async function sockets(): Promise<Socket[]> {
  const accepted: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket.resume())).listen(
    0,
    '127.0.0.1',
    17,
  )
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const connected = await Promise.all(
    [1, 2, 3].map(async () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  connected[0]?.end() // FIN_WAIT2 on this side, CLOSE_WAIT on the other
  connect(9, '10.9.0.50').on('error', () => {}) // SYN_SENT for minutes: no host has the permanent neighbour's link address
  createServer().listen(0, '::')
  await new Promise((resolve) => setTimeout(resolve, 200))
  return [...connected, ...accepted]
}

await setModes('tap0', [0, 5, 6, 7, 12, 13, 20, 31, 32, 47], [5, 6]).catch(() => {}) // the device does not exist here
await setModes('tap1', [1, 2, 3, 4, 8, 9, 10, 11, 14, 16, 17, 24, 30], [1, 2, 14, 30]).catch(() => {})
const held = await sockets()
const peer = await startPeer(program, ['--web.disable-exporter-metrics', ...flags], { cwd: '/' })
try {
  const before = await peer.read()
  const ours = execFileSync(process.execPath, [cli, 'collect', ...flags], { encoding: 'utf8' })
  const after = await peer.read()
  await new Promise((resolve) =>
    process.stdout.write(JSON.stringify({ before, ours, after, held: held.length }), resolve),
  )
} finally {
  peer[Symbol.dispose]()
}
process.exit(0)
