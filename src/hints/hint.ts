import { mimir } from './mimir.ts'
import { network } from './network.ts'
import { receivers } from './receivers.ts'
import { statuses } from './statuses.ts'
import type { Hint } from './types.ts'

/** The receiver that a reason comes from. */
export interface Context {
  /** Kind of output: `remote-write` or `pushgateway`. */
  readonly part: string
  readonly url: string
  /** Path that the preset expects in the URL. */
  readonly pushPath?: string | undefined
}

/** All rules, the most specific first: the first match applies. */
export const hints: readonly Hint[] = [...mimir, ...receivers, ...network, ...statuses]

/** What to do about a reason; undefined if no rule matches. */
export function hintFor(reason: string, { part, url, pushPath }: Context): string | undefined {
  const { hostname = '', pathname = '' } = URL.parse(url) ?? {}
  const found = hints.find(
    (one) =>
      (one.part === undefined || one.part === part) &&
      (one.host === undefined || one.host.test(hostname)) &&
      (one.pattern?.test(reason) ?? reason.toLowerCase().includes(one.contains.toLowerCase())),
  )
  if (pushPath === undefined || pushPath === pathname || !/^HTTP 40[45]\b/.test(reason)) return found?.hint
  return `Set the path of the url to ${pushPath}, as this preset requires: it is ${pathname}.`
}

/** A reason and its hint in one line. */
export function withHint(reason: string, hint: string | undefined): string {
  return hint === undefined ? reason : `${reason} (${hint})`
}
