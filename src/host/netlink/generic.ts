import type { Libc } from '../syscall/ffi.ts'
import { ask, attribute, attributesOf, numberIn, protocols } from './socket.ts'

/* Netlink families that have a name and no number of their own: https://docs.kernel.org/userspace-api/netlink/intro-specs.html */

export interface Command {
  readonly number: number
  readonly dump: boolean
  readonly attributes?: readonly Buffer[]
}

/** Every message of these families has a header of its own: command, version, two bytes that mean nothing. */
const headerLength = 4
const version = 1

/** The family that knows the others: its number, its command, and its attributes. */
const control = { type: 16, getFamily: 3, name: 2, id: 1 } as const

/** The number that a family has on this host until it is restarted. Throws ENOENT where there is no such family. */
export async function familyId(libc: Libc, name: string): Promise<number> {
  const attributes = [attribute(control.name, Buffer.from(`${name}\0`))]
  let id: number | undefined
  await command(libc, control.type, { number: control.getFamily, dump: false, attributes }, (given) => {
    id = numberIn(given.get(control.id))
  })
  if (id === undefined) throw new Error(`netlink: the kernel reported no id for the family ${name}`)
  return id
}

/** Sends a command to a family; gives the attributes of each message of the answer. */
export async function command(
  libc: Libc,
  family: number,
  { number, dump, attributes = [] }: Command,
  each: (given: ReadonlyMap<number, Buffer>) => void,
): Promise<void> {
  const body = Buffer.concat([Buffer.from([number, version, 0, 0]), ...attributes])
  await ask(libc, { protocol: protocols.generic, type: family, dump, body }, (message) => {
    each(attributesOf(message, headerLength))
  })
}
