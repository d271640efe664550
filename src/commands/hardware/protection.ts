import type { HardwareProtection } from '../../collect/index.ts'
import type { Terminal } from '../command.ts'

/** The first argument of the helper process. It is no command: only hostpush starts it. */
export const helperWord = 'hardware-helper'

/** Variables that a helper process gets: malloc's settings of the launcher. Secrets in other variables stay here. */
const passed = /^MALLOC_/

/** How this program starts its helper process. */
export function protectionOf(
  { ownProgram, environment }: Pick<Terminal, 'ownProgram' | 'environment'>,
  first: HardwareProtection['first'],
): HardwareProtection | undefined {
  if (ownProgram === undefined) return undefined
  const variables = Object.entries(environment).filter(([name]) => passed.test(name))
  return { program: { words: [...ownProgram, helperWord], environment: Object.fromEntries(variables) }, first }
}
