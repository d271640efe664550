import { redactedUrl } from '../../http/redact.ts'
import type { BlockContext } from '../context.ts'
import { type Preset, type PresetName, presetOf } from '../schema/presets.ts'
import type { RemoteWriteShape, Shape } from '../schema/schema.ts'
import { minIntervalMs } from './interval.ts'

/** The preset of the only receiver; of several none speaks for all. */
function onlyPreset({ remote_write: blocks = [], pushgateway: gateways = [] }: Shape): Partial<Preset> & Named {
  const [block, ...others] = blocks
  const name = others.length + gateways.length === 0 ? block?.preset : undefined
  return { ...presetOf(name), name }
}

interface Named {
  readonly name: PresetName | undefined
}

interface PresetDefaults {
  readonly interval: string
  readonly job: string
  /** What was decided for the user and why, in words. */
  readonly decisions: readonly string[]
}

/** How often to collect and the job: where neither is said, what the only receiver is best served with. */
export function presetDefaults(file: Shape): PresetDefaults {
  const { name, interval, job } = onlyPreset(file)
  const jobSaid = file.job ?? file.global?.external_labels?.['job']
  const intervalSaid = file.global?.scrape_interval ?? file.remote_write?.[0]?.interval
  const takesInterval = interval !== undefined && intervalSaid === undefined
  const takesJob = job !== undefined && jobSaid === undefined
  return {
    interval: file.global?.scrape_interval ?? (takesInterval ? interval.every : minIntervalMs(file)),
    job: jobSaid ?? job?.name ?? 'node',
    decisions: [
      ...(takesInterval
        ? [`${name}: collects every ${interval.every}: ${interval.why}; global.scrape_interval changes that`]
        : []),
      ...(takesJob ? [`${name}: the job is ${job.name}: ${job.why}; the key job changes that`] : []),
    ],
  }
}

/** The URL, with the path of the receiver's kind where it has none. */
export function urlOf({ url: text, preset: name }: RemoteWriteShape, { place, problems }: BlockContext): URL {
  const url = new URL(text)
  const { path } = presetOf(name)
  if (path === undefined) return url
  if (name === 'amp') {
    const isWorkspace = /^\/workspaces\/[^/]+\/?$/.test(url.pathname)
    if (isWorkspace) url.pathname = url.pathname.replace(/\/?$/, path)
    else if (url.pathname === '/')
      problems.push(
        `${place}.url: ${redactedUrl(url)} names no workspace: https://aps-workspaces.REGION.amazonaws.com/workspaces/ID`,
      )
  } else if (url.pathname === '/') url.pathname = path
  return url
}
