import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { hintFor } from '../hints/index.ts'
import { type Clock, withTimeout } from '../util/clock.ts'
import { messageOf } from '../util/log.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** How long a name server or an address may take. */
const timeoutMs = 5000
/** Addresses of one name that are tried. */
const maxAddresses = 4

export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80))
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

const hinted = (thing: string, text: string): Finding => fail(thing, text, hintFor(text, { part: 'doctor', url: '' }))

/** Whether the name of a server is known; gives its addresses. */
export async function checkName(
  url: URL,
  clock: Clock,
): Promise<{ readonly finding: Finding; readonly addresses: readonly string[] }> {
  const host = hostOf(url)
  if (isIP(host)) return { finding: ok('dns', `${host} is an address`), addresses: [host] }
  try {
    const found = await withTimeout(clock, timeoutMs, lookup(host, { all: true }))
    if (found === 'late')
      return {
        finding: fail('dns', `no answer for ${host} within ${timeoutMs} ms`, 'check /etc/resolv.conf'),
        addresses: [],
      }
    const addresses = [...new Set(found.map(({ address }) => address))]
    return { finding: ok('dns', `${host} is ${addresses.join(', ')}`), addresses }
  } catch (error) {
    return { finding: hinted('dns', messageOf(error)), addresses: [] }
  }
}

/** Whether something listens at the addresses of a server. */
export async function checkLine(url: URL, addresses: readonly string[], clock: Clock): Promise<Finding> {
  const port = portOf(url)
  const tried = addresses.slice(0, maxAddresses)
  const faults = await Promise.all(tried.map((address) => faultAt(address, port, clock)))
  const shown = tried.map((address, i) => `${address}: ${faults[i] ?? 'open'}`).join('; ')
  const bad = faults.filter((fault) => fault !== undefined)
  if (bad.length === 0) return ok('tcp', `port ${port} is open at ${tried.join(', ')}`)
  if (bad.length === tried.length) return hinted('tcp', `port ${port} at ${shown}`)
  return warn('tcp', `port ${port} at ${shown}`, 'some addresses of the name do not answer: requests start late')
}

async function faultAt(host: string, port: number, clock: Clock): Promise<string | undefined> {
  const socket = connect({ host, port })
  try {
    const opened = new Promise<'open'>((resolve, reject) => {
      socket.once('connect', () => resolve('open'))
      socket.once('error', reject)
    })
    const outcome = await withTimeout(clock, timeoutMs, opened)
    return outcome === 'late' ? `ETIMEDOUT: no answer within ${timeoutMs} ms` : undefined
  } catch (error) {
    return messageOf(error)
  } finally {
    socket.on('error', () => {}) // after its time
    socket.destroy()
  }
}
