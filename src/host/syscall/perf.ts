import { readSync } from 'node:fs'
import { isMissing } from '../fs/dir.ts'
import { codeOf } from '../fs/files.ts'
import type { Libc } from './ffi.ts'

/** An event of perf_event_open(2): PERF_TYPE_… and the config of that type. */
export interface Event {
  readonly type: number
  readonly config: number
}

/** Counters of perf_event_open(2), opened on first use. */
export interface Counters {
  /** Number of events on a processor since the first call for it; undefined if the host does not support the event. */
  count(event: Event, cpu: number): number | undefined
  close(): void
}

/** First version of `struct perf_event_attr`. Events of the hypervisor are excluded. */
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

/** Thrown if this process is not permitted to count events. */
export class NotPermitted extends Error {}

/** Undefined if the event or the processor does not exist. */
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
      throw new NotPermitted('counting requires CAP_PERFMON, or kernel.perf_event_paranoid of at most 0', {
        cause: error,
      })
    if (isMissing(error)) return undefined
    throw error
  }
}
