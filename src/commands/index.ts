import type { Command } from './command.ts'

/** Every command, by name; a command's code is loaded when it is asked for. */
export const commands: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<{ default: Command }> }>
> = {
  run: { summary: 'collect at an interval and push', load: () => import('./run.ts') },
  once: { summary: 'collect once, push and wait for the answer', load: () => import('./once.ts') },
  exec: { summary: 'run a command, and push while it runs and how it went', load: () => import('./exec.ts') },
  collect: {
    summary: 'collect once and print the text exposition; nothing is sent',
    load: () => import('./collect.ts'),
  },
  push: { summary: 'push samples from standard input or a file', load: () => import('./push.ts') },
  buffer: { summary: 'look into the buffer: ls, export, drop', load: () => import('./buffer/index.ts') },
  check: { summary: 'check a configuration: all errors at once', load: () => import('./check.ts') },
  doctor: { summary: 'look at permissions, disk, network, credentials and clock', load: () => import('./doctor.ts') },
  estimate: {
    summary: 'measure series, samples and bytes a month, and what would save some',
    load: () => import('./estimate.ts'),
  },
  receive: { summary: 'a small receiver that shows what it is sent', load: () => import('./receive.ts') },
  demo: { summary: 'receive and run together, to see it work', load: () => import('./demo.ts') },
}
