import type { Config } from '../../src/config/index.ts'
import { loadKinds } from '../../src/output.ts'
import { outputKinds as registry } from '../../src/output-kinds.ts'
import type { GatewayOptions } from '../../src/pushgateway/index.ts'
import type { EndpointOptions } from '../../src/remote-write/index.ts'

/** Every kind of output, loaded. */
export const outputKinds = await loadKinds(registry)

const optionsOf = <Options>({ outputs }: Pick<Config, 'outputs'>, kind: string): readonly Options[] =>
  outputs.filter((one) => one.kind.kind === kind).map(({ options }) => options as Options)

/** The remote-write endpoints of a configuration. */
export const endpointsOf = (config: Pick<Config, 'outputs'>) => optionsOf<EndpointOptions>(config, 'remote_write')

/** The Pushgateways of a configuration. */
export const gatewaysOf = (config: Pick<Config, 'outputs'>) => optionsOf<GatewayOptions>(config, 'pushgateway')
