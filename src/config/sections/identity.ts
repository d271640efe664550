import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Labels } from '../../metrics/family.ts'
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
