/** Builds the Mimir that tests and `npm run mimir-faults` send to, if needed, and prints its path. */
import { join } from 'node:path'
import { type GoProgram, printProgram } from './go-program.ts'

/** The release that the pseudo-version in mimir/go.mod is: Mimir's releases are not tagged as Go modules. */
export const mimirVersion = '3.0.5'

/** With the build tags of Mimir's own Makefile. */
export const mimir: GoProgram = {
  name: `mimir-${mimirVersion}`,
  folder: join(import.meta.dirname, 'mimir'),
  target: 'github.com/grafana/mimir/cmd/mimir',
  flags: [
    '-tags=netgo,stringlabels',
    `-ldflags=-s -w -X github.com/grafana/mimir/pkg/util/version.Version=${mimirVersion}`,
  ],
}

if (import.meta.main) printProgram(mimir)
