import { collectOnce, type HardwareProtection } from '../collect/index.ts'
import type { Config } from '../config/index.ts'
import { cursorNameOf } from '../output.ts'
import type { Clock } from '../util/clock.ts'
import { silent } from '../util/log.ts'
import { type Finding, of } from './finding.ts'

/** Compares the labels that each output would send of this host with the limits of its receiver. */
export async function checkLimits(
  config: Config,
  addresses: ReadonlyMap<string, string>,
  deps: { readonly clock: Clock; readonly protection?: HardwareProtection | undefined },
): Promise<readonly Finding[]> {
  const outputs = config.outputs.filter(({ kind }) => kind.preview !== undefined)
  if (outputs.length === 0) return []
  const { snapshot } = await collectOnce(config, { ...deps, log: silent })
  const findings = outputs.map(async (output) => {
    const { kind, options } = output
    const finding = await kind.preview?.(options, snapshot)
    const address = addresses.get(cursorNameOf(output)) ?? options.name
    return finding === undefined ? [] : of({ name: options.name, address }, [finding])
  })
  return (await Promise.all(findings)).flat()
}
