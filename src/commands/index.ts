import type { Command } from './command.ts'

export { formerFlags } from './former-flags.ts'
export { helperWord } from './hardware/protection.ts'
export { collectorHelp, examplesText, hasCollectorFlags, helpOf } from './help.ts'

/** Every command, by name. The code of a command is loaded when it runs. */
export const commands: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<{ default: Command }> }>
> = {
  run: { summary: 'run the agent: collect at an interval and push', load: () => import('./run.ts') },
  once: { summary: 'collect once, push and wait for the response', load: () => import('./once.ts') },
  exec: {
    summary: 'run a command and push host metrics and the result of the command',
    load: () => import('./exec/index.ts'),
  },
  collect: {
    summary: 'collect once and print the metrics; nothing is sent',
    load: () => import('./collect.ts'),
  },
  push: { summary: 'push samples from a file or standard input', load: () => import('./push.ts') },
  buffer: { summary: 'list, export or drop undelivered samples', load: () => import('./buffer/index.ts') },
  check: { summary: 'check a configuration and report all errors', load: () => import('./check.ts') },
  doctor: { summary: 'test permissions, disk, network, credentials and clock', load: () => import('./doctor.ts') },
  estimate: {
    summary: 'estimate series, samples and traffic a month',
    load: () => import('./estimate.ts'),
  },
  receive: { summary: 'start a small receiver that prints each request', load: () => import('./receive.ts') },
  demo: { summary: 'run an agent and a receiver together, without a configuration', load: () => import('./demo.ts') },
}

/** Runs the helper process that reads hardware. */
export const serveHelper = async (): Promise<number> => (await import('./hardware/helper.ts')).serve()
