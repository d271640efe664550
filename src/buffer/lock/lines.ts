import { once } from 'node:events'
import type { Socket } from 'node:net'

/** The lines that come, without their ends. The socket stays open for the answer. */
export async function* lines(socket: Socket): AsyncGenerator<string> {
  socket.setEncoding('utf8')
  let rest = ''
  for await (const text of socket.iterator({ destroyOnReturn: false })) {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
}

/** One value as one line; waits where whoever reads is slow. */
export async function send(socket: Socket, value: unknown): Promise<void> {
  if (socket.destroyed) throw new Error('the connection is closed')
  if (!socket.write(`${JSON.stringify(value)}\n`)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
}
