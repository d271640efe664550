import { createInterface } from 'node:readline/promises'
import type { Terminal } from './command.ts'

/** Asks on the terminal. Without a terminal the answer is no. */
export async function confirmed(question: string, { isTTY }: Terminal): Promise<boolean> {
  if (!isTTY || !process.stdin.isTTY) return false
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
  } finally {
    lines.close()
  }
}
