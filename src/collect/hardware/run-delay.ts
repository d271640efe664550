import type { Dir } from '../../host/index.ts'

/**
 * Milliseconds that the main thread of this process was ready and had no processor. On a busy host a read of a fast file can
 * take long for this reason alone. 0 if the kernel does not count it. https://docs.kernel.org/scheduler/sched-stats.html
 */
export function runDelayMs(self: Dir): number {
  return Number(self.readIfAny('schedstat')?.split(' ')[1] ?? 0) / 1e6
}
