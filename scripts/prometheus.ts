/** Builds the Prometheus 3 that tests and benches send to, if needed, and prints its path. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GoProgram, printProgram } from './go-program.ts'

const folder = join(import.meta.dirname, 'prometheus')
const version = /prometheus\/prometheus v0\.(\d+)(\d\d)\.(\d+)/.exec(readFileSync(join(folder, 'go.mod'), 'utf8'))

/** Module version v0.315.0 is release 3.15.0. */
export const prometheusVersion = version?.slice(1).map(Number).join('.') ?? ''

/** Without service discovery, which doubles the size and the build time. */
export const prometheus: GoProgram = {
  name: `prometheus-${prometheusVersion}`,
  folder,
  target: 'github.com/prometheus/prometheus/cmd/prometheus',
  flags: [
    '-tags=netgo,remove_all_sd',
    `-ldflags=-s -w -X github.com/prometheus/common/version.Version=${prometheusVersion}`,
  ],
}

if (import.meta.main) printProgram(prometheus)
