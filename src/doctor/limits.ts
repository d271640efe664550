import { collectOnce } from '../collect/index.ts'
import type { Config } from '../config/index.ts'
import type { Clock } from '../util/clock.ts'
import { silent } from '../util/log.ts'
import { type Finding, of } from './finding.ts'

/** What each output would send of this host now, beside what its receiver accepts of labels. */
export async function checkLimits(config: Config, clock: Clock): Promise<readonly Finding[]> {
  const outputs = config.outputs.filter(({ kind }) => kind.preview !== undefined)
  if (outputs.length === 0) return []
  const { snapshot } = await collectOnce(config, { clock, log: silent })
  const findings = outputs.map(async ({ kind: { preview }, options }) =>
    preview === undefined ? [] : of(options.name, [await preview(options, snapshot)]),
  )
  return (await Promise.all(findings)).flat()
}
