import { main } from '../../src/cli.ts'
import type { Terminal } from '../../src/commands/command.ts'
import { outputKinds as registry } from '../../src/output-kinds.ts'

/** Runs a command line in this process; `outputKinds` replaces the kinds of output that there are. */
export async function commandLine(
  args: readonly string[],
  environment: Record<string, string> = {},
  stop = AbortSignal.abort(),
  input = '',
  outputKinds = registry,
) {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    environment,
    outputKinds,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    input: async () => Buffer.from(input),
    isTTY: false,
    restartAs: () => Promise.reject(new Error('a test does not change its user')),
    onHangup() {},
    onForcedStop() {},
    stop,
  }
  const status = await main(args, terminal)
  return { status, out, err }
}
