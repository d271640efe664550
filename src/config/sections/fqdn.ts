import { hostname } from 'node:os'
import { messageOf } from '../../util/log.ts'

/** How long the resolver may take: without a network it can take half a minute. */
const timeoutMs = 2000

/**
 * The name of this host with its domain. Node asks getaddrinfo for no canonical name, hostname(1) does. Where that takes
 * too long or fails, the host name stands for it, and a note says so.
 */
export async function resolveFqdn(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly name: string; readonly note?: string }> {
  const [{ execFile }, { promisify }] = await Promise.all([import('node:child_process'), import('node:util')])
  const short = hostname()
  try {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', env: environment, encoding: 'utf8' } as const
    const { stdout } = await promisify(execFile)('hostname', ['-f'], options)
    const name = stdout.trim()
    if (/^[^\s.]+(\.[^\s.]+)*$/.test(name)) return { name }
    return { name: short, note: `\${fqdn}: hostname -f says ${JSON.stringify(name)}: ${short} is used` }
  } catch (error) {
    const why = (error as { killed?: boolean }).killed
      ? `no answer in ${timeoutMs / 1000} s`
      : messageOf(error).trim().replace(/\s+/g, ' ')
    return { name: short, note: `\${fqdn}: hostname -f: ${why}: ${short} is used` }
  }
}
