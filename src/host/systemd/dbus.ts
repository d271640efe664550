import { connect, type Socket } from 'node:net'
import type { Message, MessageBus, Variant } from 'dbus-native'

/** A method call; `interface` and `member` as in the specification. */
export interface Call {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  /** D-Bus signature of `body`. */
  readonly signature?: string
  readonly body?: readonly unknown[]
}

/** Supported property types by D-Bus signature. 64-bit numbers above 2^53 lose precision. */
interface Basic {
  readonly s: string
  readonly u: number
  readonly t: number
  readonly b: boolean
}

/** A connection to a message bus. Concurrent calls are sent without waiting for earlier replies. */
export interface Connection extends Disposable {
  /** Calls a method with one return value. Rejects if its D-Bus type is not `signature`, so `Reply` can be trusted. */
  call<Reply>(call: Call, signature: string): Promise<Reply>
  /** Reads a property. Undefined if the reply is an error: older programs lack properties, and objects can vanish. */
  property<Type extends keyof Basic>(
    of: Pick<Call, 'destination' | 'path' | 'interface'>,
    name: string,
    type: Type,
  ): Promise<Basic[Type] | undefined>
}

/** More than any list of units needs, and a bound for memory. */
const maxMessageBytes = 16 * 1024 * 1024

/** Maximum number of calls in flight: dbus-daemon rejects the 129th of a connection on the system bus. */
const maxInFlight = 100

/**
 * Connects to the first address that answers (https://dbus.freedesktop.org/doc/dbus-specification.html#addresses).
 * The signal closes the connection and rejects all calls. `hello`: send the Hello that a bus requires and a peer does not support.
 */
export async function connectBus(addresses: string, hello: boolean, signal: AbortSignal): Promise<Connection> {
  const [socket, { createClient }] = await Promise.all([dialFirst(addresses, signal), import('dbus-native')])
  const client = createClient({
    stream: socket,
    direct: true, // the library's Hello throws an error that cannot be caught
    authMethods: ['EXTERNAL'],
    maxMessageSize: maxMessageBytes,
    returnBigInt: false,
    variants: 'wrap',
  })
  client.connection.on('error', (error: Error) => socket.destroy(error)) // rejects the calls in flight
  const limited = limiter(maxInFlight)
  const connection: Connection = {
    call: <Reply>(call: Call, signature: string) => limited(() => invoke(client, call, signature)) as Promise<Reply>,
    async property({ destination, path, interface: of }, name, type) {
      const get = { destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' }
      const reply = connection.call<Variant>({ ...get, signature: 'ss', body: [of, name] }, 'v')
      const variant = await reply.catch((error: Error) => {
        if (isReply(error.cause)) return undefined
        throw error
      })
      if (variant !== undefined && variant.signature !== type)
        throw new Error(`D-Bus: ${of}.${name} of ${path} is of type ${variant.signature}, not ${type}`)
      return variant?.value as Basic[typeof type] | undefined // the signature was checked
    },
    [Symbol.dispose]: () => socket.destroy(),
  }
  const bus = 'org.freedesktop.DBus'
  if (hello)
    await connection.call({ destination: bus, path: '/org/freedesktop/DBus', interface: bus, member: 'Hello' }, 's')
  return connection
}

/** Whether the error is a reply of the peer; the library uses the same class for a broken connection. */
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

/** Runs at most `limit` calls at a time; the others wait in a queue. */
function limiter(limit: number) {
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
  if (failures.length === 0) throw new Error('D-Bus: cannot connect, the address of the bus is empty')
  throw new Error(`D-Bus: cannot connect to ${addresses}`, { cause: failures[0] })
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

/** `unix:path=/run/x,guid=…` or `unix:abstract=x`; special bytes are percent-encoded. */
function pathOf(address: string): string {
  const [, family = '', rest = ''] = /^([^:]*):(.*)$/.exec(address) ?? []
  const pairs = new Map(rest.split(',').map((pair) => pair.split('=', 2) as [string, string]))
  const path = pairs.get('path')
  const abstract = pairs.get('abstract')
  if (family !== 'unix' || (path ?? abstract) === undefined)
    throw new Error(`${address} is not the address of a Unix socket`)
  return decodeURIComponent(path ?? `\0${abstract}`)
}
