import { redactedUrl } from '../http/index.ts'
import type { OutputKind } from '../output.ts'
import { gatewayOptions, pushgatewaySchema } from './config.ts'
import type { Gateway } from './gateway.ts'
import { groupUrl } from './group.ts'
import { emitGateway } from './metrics.ts'
import { type GatewayOptions, mergingInto } from './options.ts'

export type { GatewayOptions }

const groupOf = ({ url, job, groupingKey }: GatewayOptions) => groupUrl(url, job, groupingKey)

/** Options stored with spooled samples: their group and how they are pushed. */
type RememberedGroup = Pick<GatewayOptions, 'job' | 'groupingKey' | 'method' | 'isWhole'>

/** A Pushgateway: one group with the newest snapshot. */
export const pushgateway: OutputKind<GatewayOptions, Gateway> = {
  kind: 'pushgateway',
  component: 'pushgateway',
  schema: pushgatewaySchema,
  delivers: 'newest',
  cursorPrefix: 'pushgateway:',
  options: gatewayOptions,
  async load() {
    const { Gateway } = await import('./gateway.ts')
    return { open: (options, deps) => new Gateway(options, deps) }
  },
  address: (options) => redactedUrl(groupOf(options)),
  selfMetrics(emit, gateways) {
    for (const { state } of gateways) emitGateway(emit, state)
  },
  probe({ url }) {
    const ready = new URL(url)
    ready.pathname = `${ready.pathname.replace(/\/$/, '')}/-/ready`
    return { target: { url: ready, method: 'GET' }, request: { body: new Uint8Array(), headers: {} } }
  },
  adding: mergingInto,
  replaces: (options) => ({ key: groupOf(options).href, isWhole: options.method === 'PUT' }),
  remember: ({ job, groupingKey, method, isWhole = false }): RememberedGroup => ({ job, groupingKey, method, isWhole }),
  recall: (options, remembered) => ({
    ...options,
    ...(remembered as RememberedGroup | undefined),
    deleteOnStart: false,
    deleteOnShutdown: false,
  }),
}
