import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { hintFor } from '../hints/index.ts'
import { type Clock, withTimeout } from '../util/clock.ts'
import { messageOf } from '../util/log.ts'
import { durationText } from '../util/quantity.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** Timeout of a name lookup and of a connection. */
const timeoutMs = 5000
/** Number of addresses of one name to test. */
const maxAddresses = 4

export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80))
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

const hinted = (thing: string, text: string): Finding => fail(thing, text, hintFor(text, { part: 'doctor', url: '' }))

/** Resolves the name of a server. */
export async function checkName(
  url: URL,
  clock: Clock,
): Promise<{ readonly finding: Finding; readonly addresses: readonly string[] }> {
  const host = hostOf(url)
  if (isIP(host)) return { finding: ok('dns', `${host} is an IP address`), addresses: [host] }
  try {
    const found = await withTimeout(clock, timeoutMs, lookup(host, { all: true }))
    if (found === 'late')
      return {
        finding: fail('dns', `no response for ${host} within ${durationText(timeoutMs)}`, 'check /etc/resolv.conf'),
        addresses: [],
      }
    const addresses = [...new Set(found.map(({ address }) => address))]
    return { finding: ok('dns', `${host} resolves to ${addresses.join(', ')}`), addresses }
  } catch (error) {
    return { finding: hinted('dns', messageOf(error)), addresses: [] }
  }
}

/** Connects to the addresses of a server. */
export async function checkLine(url: URL, addresses: readonly string[], clock: Clock): Promise<Finding> {
  const port = portOf(url)
  const tried = addresses.slice(0, maxAddresses)
  const faults = await Promise.all(tried.map((address) => faultAt(address, port, clock)))
  const shown = tried.map((address, i) => `${address}: ${faults[i] ?? 'open'}`).join('; ')
  const bad = faults.filter((fault) => fault !== undefined)
  if (bad.length === 0) return ok('tcp', `port ${port} is open at ${tried.join(', ')}`)
  if (bad.length === tried.length) return hinted('tcp', `port ${port} at ${shown}`)
  return warn(
    'tcp',
    `port ${port} at ${shown}`,
    'some addresses do not respond, which delays requests; remove them from DNS or repair them',
  )
}

async function faultAt(host: string, port: number, clock: Clock): Promise<string | undefined> {
  const socket = connect({ host, port })
  try {
    const opened = new Promise<'open'>((resolve, reject) => {
      socket.once('connect', () => resolve('open'))
      socket.once('error', reject)
    })
    const outcome = await withTimeout(clock, timeoutMs, opened)
    return outcome === 'late' ? `ETIMEDOUT: no response within ${durationText(timeoutMs)}` : undefined
  } catch (error) {
    return messageOf(error)
  } finally {
    socket.on('error', () => {}) // an error after the timeout
    socket.destroy()
  }
}
