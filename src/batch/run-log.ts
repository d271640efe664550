import { lstat, mkdir } from 'node:fs/promises'
import {
  type AgentInfo,
  ask,
  type BufferDeps,
  BufferError,
  type BufferOptions,
  type DiskBuffer,
  deadLetterDirectory,
  diskIn,
  isForbidden,
  makeDirectory,
  namesIn,
  newId,
  openDisk,
  opened,
  ownerOf,
  removeDirectory,
  rootOf,
  runsIn,
  type Sync,
  UnsupportedVersion,
  within,
} from '../buffer/index.ts'

import type { Clock } from '../util/clock.ts'
import { report } from '../util/log.ts'
import { messages } from './messages.ts'
import type { SpoolDeps } from './types.ts'

/** Manifest of a batch run, run.json: what the delivery of its log needs. */
export interface RunManifest {
  /** `OutputKind.remember` of each output, by its name in the log. */
  readonly remembered: Readonly<Record<string, unknown>>
  /** False while the log still needs stale markers after its last snapshot. */
  readonly isEnded: boolean
  /** Outputs with undelivered samples, by their name in the log; undefined means every output. */
  readonly outputs?: readonly string[]
  /** Size of the log, if known. */
  readonly bytes?: number
}

/** Creates the log of a command. Rejects if the directory is not usable. */
export async function createRun(
  options: BufferOptions,
  deps: BufferDeps,
  { manifest, sync }: { readonly manifest: RunManifest; readonly sync: Sync },
): Promise<DiskBuffer> {
  await makeDirectory(options.directory, runsIn(options.directory))
  for (;;) {
    const directory = `${runsIn(options.directory)}/${newId(deps.clock)}`
    try {
      await within(options.directory, directory, (safe) => mkdir(safe, { mode: 0o700 }))
      await writeManifest(directory, manifest)
      return await openDisk({ ...ofRun(options, directory), sync }, deps, false)
    } catch (error) {
      const isTaken = error instanceof BufferError || (error as NodeJS.ErrnoException).code === 'EEXIST'
      if (!isTaken) throw error
    }
  }
}

/**
 * Dead letters go to the agent's directory, because the log of a run is deleted when every sample has an answer. For the
 * same reason it keeps no history.
 */
const ofRun = (options: BufferOptions, directory: string): BufferOptions => ({
  ...options,
  directory,
  keep: { maxAgeMs: 0, maxBytes: 0 },
  deadLettersOf: deadLetterDirectory(options.directory),
})

/** Whether a directory contains a log. Rejects if it is not readable. */
export async function isLog(directory: string): Promise<boolean> {
  const names: readonly string[] = await namesIn(rootOf(directory), directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return ['cursors', 'log', 'owner', 'dead-letters'].some((name) => names.includes(name))
}

/** The logs in a buffer directory: whether the agent has one, and the directories of runs. Rejects if it does not exist. */
export async function logsIn(directory: string): Promise<{ readonly own: boolean; readonly runs: readonly string[] }> {
  await namesIn(directory, directory)
  const paths = (await idsIn(directory)).map((id) => `${runsIn(directory)}/${id}`)
  const runs: string[] = []
  for (const path of paths) if (await isLog(path)) runs.push(path)
  return { own: await isLog(directory), runs }
}

/** The log of a run. The run may still be active. */
export interface SpooledRun {
  readonly path: string
  readonly manifest: RunManifest
  /** When the run began, milliseconds since the epoch. */
  readonly sinceMs: number
}

/** The logs of runs without `except`, oldest first. `isSpooled` finds out whether a run has ended. */
export async function spooledRuns(directory: string, except = ''): Promise<readonly SpooledRun[]> {
  const all = (await idsIn(directory)).map((id) => ({
    path: `${runsIn(directory)}/${id}`,
    sinceMs: Number(id.slice(0, 15)),
  }))
  const others = all.filter(({ path }) => path !== except)
  return Promise.all(others.map(async (one) => ({ ...one, manifest: await readManifest(one.path) })))
}

/**
 * `left`: the log exists and no process owns it. `held`: a process owns it, or it is being deleted (the cursors file is
 * deleted before the owner file). `forbidden`: this user may not read it.
 */
export async function stateOfRun(path: string, clock: Clock): Promise<'left' | 'held' | 'forbidden'> {
  const holder = await holderOf(path)
  if (holder === 'forbidden') return holder
  return holder === undefined && (await isReadable(path, clock)) ? 'left' : 'held'
}

export const isSpooled = async (path: string, clock: Clock): Promise<boolean> =>
  (await stateOfRun(path, clock)) === 'left'

/** Time for the answer of the process that owns the log of a run. A process that does not answer owns it too. */
const holderMs = 1000

const holderOf = (path: string) =>
  ownerOf(path, holderMs).catch((error) => (isForbidden(error) ? ('forbidden' as const) : ('unclear' as const)))

/** Whether a process other than the command that created the log owns it. */
export async function isAdopted(path: string): Promise<boolean> {
  const owner = await holderOf(path)
  const [, maker] = path.slice(path.lastIndexOf('/')).split('-')
  return typeof owner === 'number' && String(owner) !== maker
}

async function idsIn(directory: string): Promise<readonly string[]> {
  const names = await namesIn(directory, runsIn(directory)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return [] // no run so far
  })
  return names.filter((name) => /^\d{15}-/.test(name)).sort()
}

/** A run that has just started has no cursors file yet. If there is none after a minute, the run was killed without samples. */
async function isReadable(path: string, { now }: Clock): Promise<boolean> {
  const statusOf = (name: string) => within(rootOf(path), name, lstat).catch(() => undefined) // deleted by another process
  if ((await statusOf(`${path}/cursors`)) !== undefined) return true
  const made = await statusOf(path)
  return made !== undefined && made.mtimeMs < now() - 60_000
}

/**
 * Opens the log of a run and becomes its owner. Undefined if another process owns it, or if it has another format version:
 * it is then logged once and not changed.
 */
export async function openSpooled(
  path: string,
  options: BufferOptions,
  deps: SpoolDeps,
): Promise<{ readonly buffer: DiskBuffer; readonly manifest: RunManifest } | undefined> {
  try {
    const buffer = await openDisk({ ...ofRun(options, path), sync: 'end' }, deps, false)
    return { buffer, manifest: await readManifest(path) }
  } catch (error) {
    if (error instanceof UnsupportedVersion) return refuse(error, deps)
    if (error instanceof BufferError) return undefined
    throw error
  }
}

function refuse({ directory, message }: UnsupportedVersion, { log, refused }: SpoolDeps): undefined {
  if (!refused?.has(directory)) report(log, messages.unsupportedVersion, { err: message })
  refused?.add(directory)
  return undefined
}

/** Closes the log of a run and deletes it. */
export async function removeRun(buffer: DiskBuffer): Promise<void> {
  await buffer.abandon()
  await removeClosed(buffer.directory)
}

export const removeClosed = (directory: string): Promise<void> => removeDirectory(rootOf(directory), directory)

export async function writeManifest(path: string, manifest: RunManifest): Promise<void> {
  const text = Buffer.from(JSON.stringify(manifest))
  const files = diskIn(rootOf(path))
  await opened(files, `${path}/run.json.new`, 'create', (file) => file.write(text, 0))
  await files.rename(`${path}/run.json.new`, `${path}/run.json`)
}

/** A larger manifest is corrupt. */
const maxManifestBytes = 1024 * 1024

const unknownManifest: RunManifest = { remembered: {}, isEnded: true }

async function readManifest(path: string): Promise<RunManifest> {
  try {
    const text = await opened(diskIn(rootOf(path)), `${path}/run.json`, 'read', async (file) =>
      file.read(0, Math.min((await file.status()).size, maxManifestBytes)),
    )
    return { ...unknownManifest, ...JSON.parse(text.toString()) } as RunManifest
  } catch {
    return unknownManifest // the command was killed before it wrote the file, or the file is corrupt: the log is enough to deliver
  }
}

/**
 * The agent that uses this directory: its pid, the identity of its series and its URLs. Undefined if none runs, or none that
 * answers before the signal aborts: an agent that is stopped or hangs does not push.
 */
export async function runningAgent(
  directory: string,
  signal?: AbortSignal,
): Promise<({ readonly pid: number } & AgentInfo) | undefined> {
  try {
    for await (const line of (await ask(directory, { command: 'agent-info' }, signal)) ?? []) {
      const { pid, identity, urls } = line as { readonly pid: number } & Partial<AgentInfo>
      return identity && urls && { pid, identity, urls }
    }
  } catch {
    // forbidden, no answer, or an agent of an older version
  }
  return undefined
}
