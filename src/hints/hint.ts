import { mimir } from './mimir.ts'
import { network } from './network.ts'
import { receivers } from './receivers.ts'
import { statuses } from './statuses.ts'
import type { Hint } from './types.ts'

/** What is known of the other side beside its words. */
export interface Context {
  /** The part of the agent that speaks: `remote-write`, `pushgateway`. */
  readonly part: string
  readonly url: string
  /** Where a receiver of its kind takes pushes. */
  readonly pushPath?: string | undefined
}

/** Every hint there is, the more particular ones first. */
export const hints: readonly Hint[] = [...mimir, ...receivers, ...network, ...statuses]

/** What to do, in our words; undefined where we know nothing that the reason does not say. */
export function hintFor(reason: string, { part, url, pushPath }: Context): string | undefined {
  const { hostname = '', pathname = '' } = URL.parse(url) ?? {}
  const found = hints.find(
    (one) =>
      (one.part === undefined || one.part === part) &&
      (one.host === undefined || one.host.test(hostname)) &&
      (one.pattern?.test(reason) ?? reason.toLowerCase().includes(one.contains.toLowerCase())),
  )
  if (pushPath === undefined || pushPath === pathname || !/^HTTP 40[45]\b/.test(reason)) return found?.hint
  return `the path of the url is ${pathname}; a receiver of this preset takes pushes at ${pushPath}`
}

/** A reason with its hint, for whoever reads one line of it. */
export function withHint(reason: string, hint: string | undefined): string {
  return hint === undefined ? reason : `${reason} (${hint})`
}
