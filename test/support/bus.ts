import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createConnection, type Message, Variant } from 'dbus-native'

const daemon = '/usr/bin/dbus-daemon'

/** Reason to skip tests that need a message bus, or false. CI has one. */
export const noBus = existsSync(daemon) || process.env.CI ? false : `${daemon} is not installed`

/** A bus with the limits of the system bus: 128 pending calls for each connection. Any client may own any name. */
const configuration = (address: string) => `<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy>
</busconfig>`

export interface TestBus extends AsyncDisposable {
  readonly address: string
}

/** Starts a message bus in a temporary directory. */
export async function startBus(): Promise<TestBus> {
  const directory = mkdtempSync(`${tmpdir()}/hostpush-bus-`)
  const address = `unix:path=${directory}/bus`
  writeFileSync(`${directory}/bus.conf`, configuration(address))
  const bus = spawn(daemon, ['--nofork', '--nopidfile', '--print-address', `--config-file=${directory}/bus.conf`])
  await Promise.race([once(bus.stdout, 'data'), once(bus, 'exit')])
  return {
    address,
    async [Symbol.asyncDispose]() {
      await stopped(bus)
      rmSync(directory, { recursive: true })
    },
  }
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill()
  await once(child, 'exit')
}

/** A value with its D-Bus signature. */
export type Typed = readonly [signature: string, value: unknown]

/** The objects of a service, by object path and `interface.name`: a property's value, or a method's reply. */
export type Objects = Readonly<Record<string, Readonly<Record<string, Typed>>>>

export interface Service extends AsyncDisposable {
  /** The received calls as `path member`, those of a property with its name. */
  readonly calls: string[]
}

/** Owns a name on a bus and replies: with an error if `objects` has no entry, and never to `silent`. */
export async function serve(address: string, name: string, objects: () => Objects): Promise<Service> {
  const connection = createConnection({ busAddress: address })
  const calls: string[] = []
  let serial = 0
  const send = (message: Message) => connection.message({ ...message, serial: ++serial })
  const ask = (member: string, more: Message = {}) =>
    send({ type: 1, destination: dbus, path: '/org/freedesktop/DBus', interface: dbus, member, ...more })
  const owned = new Promise<void>((resolve) => {
    connection.on('message', (message: Message) => {
      if (message.type === 2 && message.replySerial === 2) resolve()
      if (message.type !== 1) return
      const [of, property] = message.member === 'Get' ? (message.body as string[]) : [message.interface, message.member]
      calls.push(`${message.path} ${property}`)
      const found = objects()[message.path ?? '']?.[`${of}.${property}`]
      const to = { destination: message.sender ?? '', replySerial: message.serial ?? 0 }
      if (found === undefined) send({ ...to, type: 3, errorName: unknown, signature: 's', body: [`no ${property}`] })
      else if (found[0] !== 'silent' && message.member === 'Get')
        send({ ...to, type: 2, signature: 'v', body: [new Variant(...found)] })
      else if (found[0] !== 'silent') send({ ...to, type: 2, signature: found[0], body: [found[1]] })
    })
  })
  ask('Hello')
  ask('RequestName', { signature: 'su', body: [name, 0] })
  await owned
  return {
    calls,
    async [Symbol.asyncDispose]() {
      connection.end()
      await once(connection, 'close')
    },
  }
}

const dbus = 'org.freedesktop.DBus'
const unknown = 'org.freedesktop.DBus.Error.UnknownProperty'
