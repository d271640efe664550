import type { RegisteredKind } from './output.ts'

/** Every kind of output. A new kind is one entry here. */
export const outputKinds: readonly RegisteredKind[] = [
  {
    kind: 'remote_write',
    flag: { name: 'remote-write.url', help: 'The URL of a remote-write endpoint.' },
    load: async () => (await import('./remote-write/index.ts')).remoteWrite,
  },
  {
    kind: 'pushgateway',
    flag: { name: 'pushgateway', help: 'The URL of a Pushgateway, without /metrics/job/...' },
    load: async () => (await import('./pushgateway/index.ts')).pushgateway,
  },
]
