import { redactedUrl } from '../http/index.ts'
import type { ConfiguredOutput, OutputKind } from '../output.ts'
import { endpointDefaults, endpointOptions } from './config/options.ts'
import { remoteWriteGlobals, remoteWriteSchema } from './config/schema.ts'
import type { Endpoint } from './endpoint.ts'
import { emitEndpoint, emitStorage } from './metrics.ts'
import type { EndpointOptions } from './options.ts'
import { emptyV1, followUp } from './probe.ts'

export type { EndpointOptions }

/** Prometheus remote-write 1.0 and 2.0. Delivers every snapshot in order, from the buffer. */
export const remoteWrite: OutputKind<EndpointOptions, Endpoint> = {
  kind: 'remote_write',
  component: 'remote-write',
  schema: remoteWriteSchema,
  globals: remoteWriteGlobals,
  delivers: 'every',
  cursorPrefix: '',
  options: endpointOptions,
  defaults: endpointDefaults,
  async load() {
    const { Endpoint } = await import('./endpoint.ts')
    return { open: (options, deps) => new Endpoint(options, deps) }
  },
  address: ({ url }) => redactedUrl(url),
  selfMetrics(emit, endpoints, { nowMs, appendedSamples }) {
    const states = endpoints.map(({ state }) => state)
    emitStorage(emit, states, appendedSamples)
    for (const state of states) emitEndpoint(emit, state, nowMs)
  },
  probe: (options) => ({ request: emptyV1, followUp: followUp(options) }),
  preview: async (options, snapshot) => (await import('./preview.ts')).preview(options, snapshot),
}

/** Options of all remote-write endpoints among these outputs. */
export const endpointsIn = (outputs: readonly ConfiguredOutput[]): readonly EndpointOptions[] =>
  outputs.filter(({ kind }) => kind.kind === remoteWrite.kind).map(({ options }) => options as EndpointOptions)
