import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Labels } from '../../metrics/index.ts'
import { messageOf } from '../../util/log.ts'
import { expandFacts } from '../file/variables.ts'
import type { Shape } from '../schema/schema.ts'

/** Puts what is known of the host into a text that has `${hostname}` and the like. `fqdn` is asked for by the caller. */
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

/** `job`, `instance` and the external labels. `job` is the one that is meant where the file names none. */
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
    return '' // said where it is used, with the label's place
  }
}

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
