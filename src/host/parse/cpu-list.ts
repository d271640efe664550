import type { Dir } from '../fs/dir.ts'

/** Limit for CPU numbers, above any kernel's NR_CPUS (at most 8192). */
const maxCpus = 65536

/** CPUs as the kernel lists them, `0-3,8`, or with a step, `0-6:2`: https://docs.kernel.org/admin-guide/cputopology.html */
export function parseCpuList(text: string): string[] {
  const cpus: string[] = []
  for (const range of text.trim().split(',')) {
    if (range === '') continue
    const [, first = '', last = first, step = '1'] = /^(\d+)(?:-(\d+)(?::([1-9]\d*))?)?$/.exec(range) ?? []
    if (first === '' || Number(last) >= maxCpus)
      throw new Error(`${JSON.stringify(text.slice(0, 80))} is not a list of CPUs`)
    for (let cpu = Number(first); cpu <= Number(last); cpu += Number(step)) cpus.push(String(cpu))
  }
  return cpus
}

/** The directories of the CPUs, in byte order of their names; the parent also contains `cpufreq`, `cpuidle` and others. */
export function cpusOf(sys: Dir): Dir[] {
  return sys
    .at('devices/system/cpu')
    .children('cpu')
    .filter(({ id }) => /^\d/.test(id))
}
