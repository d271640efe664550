import type { ConfiguredFiles } from '../../host/index.ts'
import type { ParsedFlags } from '../../util/flags.ts'
import { messageOf } from '../../util/log.ts'
import { addressOf, type WebOptions } from '../../web/index.ts'

import type { Shape } from '../schema/schema.ts'
import { openWebFile } from './web-file.ts'

export const defaultListen = '127.0.0.1:9100'

interface WebSources {
  readonly files: ConfiguredFiles
  readonly flags: ParsedFlags
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** The options of the web server. Flags take precedence over the file. */
export async function webOf(
  file: Shape['web'],
  { flags, environment, files }: WebSources,
  problems: string[],
): Promise<WebOptions> {
  const sockets = flags.get('web.systemd-socket') === true ? socketsOf(environment, problems) : []
  const listed = (flags.get('web.listen-address') ?? file?.listen_address) as readonly string[] | undefined
  const selected = flags.get('web.systemd-socket') === true ? [] : (listed ?? [defaultListen])
  const addresses = selected.filter((address) => address !== '')
  for (const address of addresses) {
    try {
      addressOf(address)
    } catch (error) {
      problems.push(messageOf(error))
    }
  }
  const limit = String(flags.get('web.max-requests') ?? file?.max_requests ?? 40)
  if (!/^\d+$/.test(limit))
    problems.push(`--web.max-requests: ${JSON.stringify(limit)} is not a whole number from 0 up`)
  const path = String(flags.get('web.telemetry-path') ?? file?.telemetry_path ?? '/metrics')
  if (!path.startsWith('/'))
    problems.push(`--web.telemetry-path: ${JSON.stringify(path)} is invalid, expected a path that begins with /`)
  const configFile = String(flags.get('web.config.file') ?? file?.config_file ?? '') || undefined
  if (configFile !== undefined && addresses.length + sockets.length > 0)
    await openWebFile(configFile, files).catch((error) => {
      const place = flags.has('web.config.file') ? '--web.config.file' : 'web.config_file'
      problems.push(
        ...messageOf(error)
          .split('\n')
          .map((problem) => `${place}: ${problem}`),
      )
    })
  return {
    configFile,
    listenAddresses: addresses,
    listenAddressesNamed: listed !== undefined || sockets.length > 0,
    sockets,
    telemetryPath: path,
    maxRequests: Number(limit),
    disableExporterMetrics: Boolean(
      flags.get('web.disable-exporter-metrics') ?? file?.disable_exporter_metrics ?? false,
    ),
    enableLifecycle: Boolean(flags.get('web.enable-lifecycle') ?? file?.enable_lifecycle ?? false),
  }
}

/** The first descriptor that systemd passes: https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html */
const firstSocket = 3

function socketsOf(environment: WebSources['environment'], problems: string[]): readonly number[] {
  const { LISTEN_FDS: count = '0', LISTEN_PID: pid } = environment
  const isForThisProcess = pid === undefined || Number(pid) === process.pid
  const sockets = isForThisProcess ? Array.from({ length: Number(count) || 0 }, (_, i) => firstSocket + i) : []
  if (sockets.length === 0)
    problems.push('--web.systemd-socket: systemd passed no socket (LISTEN_FDS), expected a socket unit')
  return sockets
}
