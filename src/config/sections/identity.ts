import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Labels } from '../../metrics/index.ts'
import { messageOf } from '../../util/log.ts'
import { expandFacts } from '../file/variables.ts'
import type { Shape } from '../schema/schema.ts'

/** Returns a function that replaces facts of the host in a text, such as `${hostname}`. The caller resolves `fqdn`. */
export function expander(
  paths: { readonly procfs: string; readonly rootfs: string },
  { fqdn, problems }: { readonly fqdn: string; readonly problems: string[] },
): (text: string, place: string) => string {
  const facts = {
    hostname,
    fqdn: () => fqdn,
    machine_id: () => firstLine(`${paths.rootfs}/etc/machine-id`),
    boot_id: () => firstLine(`${paths.procfs}/sys/kernel/random/boot_id`),
  }
  return (text, place) => expandFacts(text, facts, place, problems)
}

/** `job`, `instance` and the external labels. `job` is already resolved. */
export function identityOf(file: Shape, job: string, expanded: (text: string, place: string) => string): Labels {
  const external = file.global?.external_labels ?? {}
  const labels = {
    ...external,
    job,
    instance: file.instance ?? external['instance'] ?? '${hostname}',
  }
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => {
      const place = name === 'job' || name === 'instance' ? name : `global.external_labels.${name}`
      return [name, expanded(value, place)]
    }),
  )
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n')[0]?.trim() ?? ''
  } catch {
    return '' // reported with the label that uses it
  }
}

/** Without a network the resolver can take half a minute. */
const timeoutMs = 2000

/**
 * The fully qualified name of this host. Node cannot request a canonical name from getaddrinfo, hostname(1) can. If that
 * times out or fails, the result is the host name and a note.
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
    return { name: short, note: `\${fqdn} is ${short}: hostname -f returned ${JSON.stringify(name)}` }
  } catch (error) {
    const why = (error as { killed?: boolean }).killed
      ? `no response within ${timeoutMs / 1000} s`
      : messageOf(error).trim().replace(/\s+/g, ' ')
    return { name: short, note: `\${fqdn} is ${short}: hostname -f failed: ${why}` }
  }
}
