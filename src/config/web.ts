import type { Given } from '../flags.ts'
import { messageOf } from '../log.ts'
import type { WebOptions } from '../web/index.ts'
import { addressOf } from '../web/listen.ts'
import type { Shape } from './shape.ts'

export const defaultListen = '127.0.0.1:9100'

/** The web server's options; flags come before the file. */
export function webOf(file: Shape['web'], flags: Given, problems: string[]): WebOptions {
  const listed = (flags.get('web.listen-address') ?? file?.listen_address) as readonly string[] | undefined
  const addresses = (listed ?? [defaultListen]).filter((address) => address !== '')
  for (const address of addresses) {
    try {
      addressOf(address)
    } catch (error) {
      problems.push(messageOf(error))
    }
  }
  const limit = String(flags.get('web.max-requests') ?? file?.max_requests ?? 40)
  if (!/^\d+$/.test(limit)) problems.push(`--web.max-requests: ${JSON.stringify(limit)} is not a whole number`)
  const path = String(flags.get('web.telemetry-path') ?? file?.telemetry_path ?? '/metrics')
  if (!path.startsWith('/')) problems.push(`--web.telemetry-path: ${JSON.stringify(path)} does not begin with a slash`)
  return {
    listenAddresses: addresses,
    listenAddressesNamed: listed !== undefined,
    telemetryPath: path,
    maxRequests: Number(limit),
    disableExporterMetrics: Boolean(
      flags.get('web.disable-exporter-metrics') ?? file?.disable_exporter_metrics ?? false,
    ),
    enableLifecycle: Boolean(flags.get('web.enable-lifecycle') ?? file?.enable_lifecycle ?? false),
  }
}
