import type { Libc } from '../syscall/ffi.ts'
import { ask, attribute, attributesOf, numberIn, protocols } from './socket.ts'

/* Generic netlink: families with a name and a dynamic id: https://docs.kernel.org/userspace-api/netlink/intro-specs.html */

export interface Command {
  readonly number: number
  readonly dump: boolean
  readonly attributes?: readonly Buffer[]
}

/** genlmsghdr, the header of every generic netlink message: command, version, two reserved bytes. */
const headerLength = 4
const version = 1

/** The control family (GENL_ID_CTRL), which resolves family names: its id, command and attributes. */
const control = { type: 16, getFamily: 3, name: 2, id: 1 } as const

/** The id of a family, valid until the next boot. Throws ENOENT if the family does not exist. */
export async function familyId(libc: Libc, name: string): Promise<number> {
  const attributes = [attribute(control.name, Buffer.from(`${name}\0`))]
  let id: number | undefined
  await command(libc, control.type, { number: control.getFamily, dump: false, attributes }, (attributes) => {
    id = numberIn(attributes.get(control.id))
  })
  if (id === undefined) throw new Error(`netlink: the kernel reported no id for the family ${name}`)
  return id
}

/** Sends a command to a family; calls `each` with the attributes of each message of the answer. */
export async function command(
  libc: Libc,
  family: number,
  { number, dump, attributes = [] }: Command,
  each: (attributes: ReadonlyMap<number, Buffer>) => void,
): Promise<void> {
  const body = Buffer.concat([Buffer.from([number, version, 0, 0]), ...attributes])
  await ask(libc, { protocol: protocols.generic, type: family, dump, body }, (message) => {
    each(attributesOf(message, headerLength))
  })
}
