import { readSync } from 'node:fs'
import { isMissing } from '../fs/dir.ts'
import { codeOf } from '../fs/files.ts'
import type { Libc } from './ffi.ts'

/** What perf_event_open(2) counts: PERF_TYPE_… and a number within it. */
export interface Event {
  readonly type: number
  readonly config: number
}

/** Counters that the kernel keeps for this process, of what happens on each processor. */
export interface Counters {
  /** How often an event has come on a processor since it was first asked for; undefined where it is not counted here. */
  count(event: Event, cpu: number): number | undefined
  close(): void
}

/** `struct perf_event_attr` as of its first version. Only the hypervisor's share is left out. */
const attributeBytes = 64
const excludeHypervisor = 1 << 6

export function counters(libc: Libc): Counters {
  const opened = new Map<string, number | undefined>()
  const value = Buffer.alloc(8)
  return {
    count(event, cpu) {
      const key = `${event.type}:${event.config}:${cpu}`
      if (!opened.has(key)) opened.set(key, open(libc, event, cpu))
      const fd = opened.get(key)
      if (fd === undefined || readSync(fd, value) < value.length) return undefined
      return Number(value.readBigUInt64LE())
    },
    close() {
      for (const fd of opened.values()) if (fd !== undefined) libc.close(fd)
      opened.clear()
    },
  }
}

/** This process may not count events. */
export class NotPermitted extends Error {}

/** Undefined for an event or a processor that there is none of. */
function open(libc: Libc, { type, config }: Event, cpu: number): number | undefined {
  const attributes = Buffer.alloc(attributeBytes)
  attributes.writeUInt32LE(type, 0)
  attributes.writeUInt32LE(attributeBytes, 4)
  attributes.writeBigUInt64LE(BigInt(config), 8)
  attributes.writeUInt32LE(excludeHypervisor, 40)
  try {
    return libc.perfEventOpen(attributes, cpu)
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM')
      throw new NotPermitted('counting needs CAP_PERFMON, or kernel.perf_event_paranoid at most 0', { cause: error })
    if (isMissing(error)) return undefined
    throw error
  }
}
