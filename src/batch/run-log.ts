import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import {
  type AgentInfo,
  ask,
  type BufferDeps,
  BufferError,
  type BufferOptions,
  chownToOwner,
  type DiskBuffer,
  deadLetterDirectory,
  diskAs,
  isForbidden,
  makeDirectory,
  newId,
  type Ownership,
  openDisk,
  opened,
  ownerOf,
  runsIn,
  type Sync,
} from '../buffer/index.ts'

import type { Clock } from '../util/clock.ts'
import { type Log, report } from '../util/log.ts'
import { messages } from './messages.ts'

/** What is to be known of a run to deliver what it left. */
export interface RunManifest {
  /** What outputs need to know to send the samples where they would have gone, by the name in the log. */
  readonly remembered: Readonly<Record<string, unknown>>
  /** False where the series of the last snapshot are to end with it and that has not been written yet. */
  readonly isEnded: boolean
  /** The outputs that may have to get some of it, by the name in the log; all where nothing is said. */
  readonly outputs?: readonly string[]
  /** How much it is, as far as that is known. */
  readonly bytes?: number
}

/** A log of its own for a command. Rejects where the directory cannot be used. */
export async function createRun(
  options: BufferOptions,
  deps: BufferDeps,
  { manifest, sync }: { readonly manifest: RunManifest; readonly sync: Sync },
): Promise<DiskBuffer> {
  const { ownership } = deps
  await makeDirectory(runsIn(options.directory), ownership)
  for (;;) {
    const directory = `${runsIn(options.directory)}/${newId(deps.clock)}`
    try {
      await mkdir(directory, { mode: 0o700 })
      await chownToOwner(directory, ownership)
      await writeManifest(directory, manifest, ownership)
      return await openDisk({ ...ofRun(options, directory), sync }, deps, false)
    } catch (error) {
      const isTaken = error instanceof BufferError || (error as NodeJS.ErrnoException).code === 'EEXIST'
      if (!isTaken) throw error
    }
  }
}

/** What is refused is set aside with the agent's: the log of a run goes when all of it has had an answer. */
const ofRun = (options: BufferOptions, directory: string): BufferOptions => ({
  ...options,
  directory,
  deadLettersOf: deadLetterDirectory(options.directory),
})

/** A log has been begun in a directory. Rejects where that cannot be found out. */
export async function isLog(directory: string): Promise<boolean> {
  const names: readonly string[] = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return ['cursors', 'log', 'owner', 'dead-letters'].some((name) => names.includes(name))
}

/** Every log of a buffer: whether it has its own, and the directories of those of runs. Rejects where it is not there. */
export async function logsIn(directory: string): Promise<{ readonly own: boolean; readonly runs: readonly string[] }> {
  await readdir(directory)
  const paths = (await idsIn(directory)).map((id) => `${runsIn(directory)}/${id}`)
  const runs: string[] = []
  for (const path of paths) if (await isLog(path)) runs.push(path)
  return { own: await isLog(directory), runs }
}

/** The log of a run that may be over. */
export interface SpooledRun {
  readonly path: string
  readonly manifest: RunManifest
  /** When the run began, milliseconds since the epoch. */
  readonly sinceMs: number
}

/** The logs of runs, oldest first, but for one's own; whether a run is over has to be asked, see `isLeft`. */
export async function spooledRuns(directory: string, except = ''): Promise<readonly SpooledRun[]> {
  const all = (await idsIn(directory)).map((id) => ({
    path: `${runsIn(directory)}/${id}`,
    sinceMs: Number(id.slice(0, 15)),
  }))
  const others = all.filter(({ path }) => path !== except)
  return Promise.all(others.map(async (one) => ({ ...one, manifest: await readManifest(one.path) })))
}

/**
 * Whether a log is there and nobody's any more: of one that is being deleted the cursors go before its owner does. It is
 * `forbidden` where this user may not even ask.
 */
export async function stateOfRun(path: string, clock: Clock): Promise<'left' | 'held' | 'forbidden'> {
  const holder = await holderOf(path)
  if (holder === 'forbidden') return holder
  return holder === undefined && (await isReadable(path, clock)) ? 'left' : 'held'
}

export const isSpooled = async (path: string, clock: Clock): Promise<boolean> =>
  (await stateOfRun(path, clock)) === 'left'

const holderOf = (path: string) =>
  ownerOf(path).catch((error) => (isForbidden(error) ? ('forbidden' as const) : ('unclear' as const)))

/** Whether another process has it than the command that made it. */
export async function isAdopted(path: string): Promise<boolean> {
  const owner = await holderOf(path)
  const [, maker] = path.slice(path.lastIndexOf('/')).split('-')
  return typeof owner === 'number' && String(owner) !== maker
}

async function idsIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(runsIn(directory)).catch((error) => {
    if (isForbidden(error)) throw error
    return [] // there was never a run
  })
  return names.filter((name) => /^\d{15}-/.test(name)).sort()
}

/** A run that has just begun has no cursors yet; one that was killed just then never had any samples. */
async function isReadable(path: string, { now }: Clock): Promise<boolean> {
  if ((await stat(`${path}/cursors`).catch(() => undefined)) !== undefined) return true
  const made = await stat(path).catch(() => undefined) // removed meanwhile
  return made !== undefined && made.mtimeMs < now() - 60_000
}

/**
 * Opens what a run left, as its owner; undefined where somebody else is, and where a newer version has left it: that one
 * is to find it again, unless it is older than `max_age`.
 */
export async function openSpooled(
  path: string,
  options: BufferOptions,
  deps: BufferDeps,
): Promise<{ readonly buffer: DiskBuffer; readonly manifest: RunManifest } | undefined> {
  try {
    const buffer = await openDisk({ ...ofRun(options, path), sync: 'end' }, deps, false)
    if (buffer.unreadable.length === 0) return { buffer, manifest: await readManifest(path) }
    if (buffer.areUnreadableTooOld) await expireUnread(buffer, deps.log)
    else await buffer.close()
    return undefined
  } catch (error) {
    if (error instanceof BufferError) return undefined
    throw error
  }
}

async function expireUnread(buffer: DiskBuffer, log: Log): Promise<void> {
  const bytes = buffer.unreadable.reduce((sum, one) => sum + one.bytes, 0)
  report(log, messages.newerVersionExpired, { path: buffer.directory, bytes })
  await removeRun(buffer)
}

/** Closes the log of a run and deletes it. */
export async function removeRun(buffer: DiskBuffer): Promise<void> {
  await buffer.abandon()
  await removeClosed(buffer.directory)
}

export const removeClosed = (directory: string): Promise<void> => rm(directory, { recursive: true, force: true })

export async function writeManifest(
  path: string,
  manifest: RunManifest,
  ownership: Ownership | undefined,
): Promise<void> {
  const text = Buffer.from(JSON.stringify(manifest))
  await opened(diskAs(ownership), `${path}/run.json.new`, 'create', (file) => file.write(text, 0))
  await rename(`${path}/run.json.new`, `${path}/run.json`)
}

const unknownManifest: RunManifest = { remembered: {}, isEnded: true }

async function readManifest(path: string): Promise<RunManifest> {
  try {
    return { ...unknownManifest, ...JSON.parse(await readFile(`${path}/run.json`, 'utf8')) } as RunManifest
  } catch {
    return unknownManifest // killed before it was written, or damaged: the log itself says the most
  }
}

/** The agent that pushes from this directory now: its pid, whose samples it pushes, and where to. */
export async function runningAgent(directory: string): Promise<({ readonly pid: number } & AgentInfo) | undefined> {
  const answer = await ask(directory, { command: 'whose' }).catch(() => undefined) // no agent, or an older one
  if (answer === undefined) return undefined
  for await (const line of answer) {
    const { pid, identity, urls } = line as { readonly pid: number } & Partial<AgentInfo>
    return identity && urls && { pid, identity, urls }
  }
  return undefined
}
