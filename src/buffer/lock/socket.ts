import { closeSync, constants, fstatSync, open } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { promisify } from 'node:util'
import type { HeldDirectory } from '../disk/safe-path.ts'

/** O_PATH of open(2), which also opens a socket's name. node:fs has no constant for it. */
const onlyPath = 0o10000000
const openName = promisify(open)

/**
 * Listens on a socket in a directory, for this user only. Rejects with EADDRINUSE if the name exists. The directory must
 * be held until the server is closed: closing deletes the name.
 */
export async function listenIn(
  directory: HeldDirectory,
  name: string,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  const server = createServer(onConnection)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(directory.at(name), resolve)
  })
  server.unref()
  await chmod(directory.at(name), 0o600).catch(() => {}) // the name is gone, or the file system has no modes
  return server
}

/** Connects to a socket in a directory. A link is not followed. Rejects with ENOTSOCK if it is not a socket. */
export async function connectIn(directory: HeldDirectory, name: string): Promise<Socket> {
  const fd = await openName(directory.at(name), onlyPath | constants.O_NOFOLLOW)
  try {
    if (!fstatSync(fd).isSocket())
      throw Object.assign(new Error(`ENOTSOCK: ${name} is not a socket`), { code: 'ENOTSOCK' })
    const socket = connect(`/proc/self/fd/${fd}`)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.on('error', reject) // later errors close the socket, which the caller sees by the missing answer
    })
    return socket
  } finally {
    closeSync(fd)
  }
}
