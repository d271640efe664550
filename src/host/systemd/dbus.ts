import { connect, type Socket } from 'node:net'
import type { Message, MessageBus, Variant } from 'dbus-native'

/** A method call; `interface` and `member` as in the specification. */
export interface Call {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  /** Of the arguments in `body`. */
  readonly signature?: string
  readonly body?: readonly unknown[]
}

/** The types of properties that are asked for, by their D-Bus signature. 64-bit numbers lose what is above 2^53. */
interface Basic {
  readonly s: string
  readonly u: number
  readonly t: number
  readonly b: boolean
}

/** One end of a message bus. Calls may be made without waiting for the one before: they go out together. */
export interface Connection extends Disposable {
  /** The one value that a method replies with, of the D-Bus type `signature`: it is checked, so `Reply` can be believed. */
  call<Reply>(call: Call, signature: string): Promise<Reply>
  /** Undefined where the answer is an error: older programs do not have every property, and objects go away. */
  property<Type extends keyof Basic>(
    of: Pick<Call, 'destination' | 'path' | 'interface'>,
    name: string,
    type: Type,
  ): Promise<Basic[Type] | undefined>
}

/** Far above any list of units, far below what would hurt. */
const maxMessageBytes = 16 * 1024 * 1024

/** Calls without a reply at any time: dbus-daemon refuses the 129th of a connection on the system bus. */
const atOnce = 100

/**
 * Connects to the first address that answers (https://dbus.freedesktop.org/doc/dbus-specification.html#addresses).
 * The signal ends the connection, and with it every call. `hello` is what a bus wants and a peer does not know.
 */
export async function connectBus(addresses: string, hello: boolean, signal: AbortSignal): Promise<Connection> {
  const [socket, { createClient }] = await Promise.all([dialFirst(addresses, signal), import('dbus-native')])
  const client = createClient({
    stream: socket,
    direct: true, // the library's own Hello throws where nobody can catch it
    authMethods: ['EXTERNAL'],
    maxMessageSize: maxMessageBytes,
    returnBigInt: false,
    variants: 'wrap',
  })
  client.connection.on('error', (error: Error) => socket.destroy(error)) // fails the calls that wait for a reply
  const turn = turns(atOnce)
  const connection: Connection = {
    call: <Reply>(call: Call, signature: string) => turn(() => invoke(client, call, signature)) as Promise<Reply>,
    async property({ destination, path, interface: of }, name, type) {
      const get = { destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' }
      const asked = connection.call<Variant>({ ...get, signature: 'ss', body: [of, name] }, 'v')
      const variant = await asked.catch((error: Error) => {
        if (isReply(error.cause)) return undefined
        throw error
      })
      if (variant !== undefined && variant.signature !== type)
        throw new Error(`D-Bus: ${of}.${name} of ${path} is of type ${variant.signature}, not ${type}`)
      return variant?.value as Basic[typeof type] | undefined // what its signature says
    },
    [Symbol.dispose]: () => socket.destroy(),
  }
  const bus = 'org.freedesktop.DBus'
  if (hello)
    await connection.call({ destination: bus, path: '/org/freedesktop/DBus', interface: bus, member: 'Hello' }, 's')
  return connection
}

/** Whether the other side answered so; the library has the same class for a connection that broke. */
const isReply = (error: unknown): boolean => error instanceof Error && 'reply' in error && error.reply !== undefined

function invoke(client: MessageBus, call: Call, signature: string): Promise<unknown> {
  const what = `D-Bus: ${call.member}(${call.body?.join(', ') ?? ''}) of ${call.path}`
  const message: Message = { ...call, body: [...(call.body ?? [])] }
  return new Promise((resolve, reject) => {
    client.invoke(message, { timeout: 0 }, function (this: Message | undefined, error, ...values) {
      if (error) reject(new Error(what, { cause: error }))
      else if (this?.signature === signature) resolve(values[0])
      else reject(new Error(`${what}: the reply is of type ${this?.signature ?? '()'}, not ${signature}`))
    })
  })
}

/** Lets `limit` pieces of work run at any time; the others wait for their turn. */
function turns(limit: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running < limit) running++
    else await new Promise<void>((go) => waiting.push(go))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

async function dialFirst(addresses: string, signal: AbortSignal): Promise<Socket> {
  const failures: Error[] = []
  for (const address of addresses.split(';').filter((one) => one !== '')) {
    try {
      return await dial(pathOf(address), signal)
    } catch (error) {
      failures.push(error as Error)
    }
  }
  throw new Error(`D-Bus: cannot connect to ${addresses || 'no address'}`, { cause: failures[0] })
}

function dial(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, signal })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** `unix:path=/run/x,guid=…` or `unix:abstract=x`; bytes that are not plain are written %20. */
function pathOf(address: string): string {
  const [, family = '', rest = ''] = /^([^:]*):(.*)$/.exec(address) ?? []
  const pairs = new Map(rest.split(',').map((pair) => pair.split('=', 2) as [string, string]))
  const path = pairs.get('path')
  const abstract = pairs.get('abstract')
  if (family !== 'unix' || (path ?? abstract) === undefined)
    throw new Error(`${address} is not the address of a Unix socket`)
  return decodeURIComponent(path ?? `\0${abstract}`)
}
