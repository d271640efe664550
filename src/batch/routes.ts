import type { Cursor, DiskBuffer } from '../buffer/index.ts'

import type { Snapshot } from '../metrics/index.ts'
import { type ConfiguredOutput, cursorNameOf, type Output, openOutput } from '../output.ts'
import { timedOut, timeoutReason } from './result.ts'
import type { SpooledLog } from './spool-logs.ts'
import type { SpoolDeps } from './types.ts'

/** Delivers spooled logs to one output. */
export interface DeliveryRoute {
  /** The output's name in the log. */
  readonly name: string
  /** Resolves to the reason if samples are undelivered at the deadline; otherwise to undefined. */
  deliver(left: SpooledLog, deadline: AbortSignal): Promise<string | undefined>
}

/** `replaced`: groups at Pushgateways that the caller overwrites right after this with newer samples. */
export const routesOf = (
  outputs: readonly ConfiguredOutput[],
  deps: SpoolDeps,
  replaced: ReadonlySet<string>,
): readonly DeliveryRoute[] =>
  outputs.map((configured) => ({
    name: cursorNameOf(configured),
    async deliver(log, deadline) {
      const cursor = cursorOf(log.buffer, cursorNameOf(configured))
      if (cursor === undefined || cursor.backlog().snapshots === 0) return undefined
      return configured.kind.delivers === 'every'
        ? deliverEvery(log, configured, { deps, deadline, cursor })
        : deliverNewest(log, configured, { deps, deadline, cursor, replaced })
    },
  }))

interface Delivery {
  readonly deps: SpoolDeps
  readonly deadline: AbortSignal
  readonly cursor: NonNullable<ReturnType<typeof cursorOf>>
}

/** Sends the backlog of an output. */
async function deliverEvery(
  { buffer }: SpooledLog,
  configured: ConfiguredOutput,
  { deps, deadline, cursor }: Delivery,
): Promise<string | undefined> {
  const own = buffer.cursor(cursorNameOf(configured), configured.options.sampling)
  const onTime = (receiverMs: number) => buffer.confirmTime(receiverMs)
  const output = await openOutput(configured, deps, { cursor: own, lifetime: 'moment', onTime })
  await output.stop(deadline)
  return cursor.backlog().snapshots === 0 ? undefined : (timeoutReason(output) ?? timedOut)
}

/** Pushes the newest snapshot of a run to the group that the run would have pushed it to. */
async function deliverNewest(
  { buffer, manifest }: SpooledLog,
  { kind, options }: ConfiguredOutput,
  { deps, deadline, cursor, replaced }: Delivery & { readonly replaced: ReadonlySet<string> },
): Promise<string | undefined> {
  const remembered = manifest.remembered[cursor.name]
  const own = { kind, options: kind.recall?.(options, remembered) ?? options }
  const place = kind.replaces?.(own.options)
  const isOutdated = place?.isWhole === true && replaced.has(place.key)
  const snapshot = await newestSnapshot(buffer, cursor.position.sequence)
  if (snapshot !== undefined && !isOutdated) {
    const output = await openOutput(own, deps, { lifetime: 'moment' })
    output.onSnapshot({ snapshot, parts: [] })
    await output.stop(deadline)
    if (output.report.pending > 0) return timeoutReason(output) ?? timedOut
    await saveRejection(cursor, output, buffer.last.sequence)
  }
  await cursor.commit(buffer.last.sequence)
  return undefined
}

/** The groups that these outputs replace or add to. */
export const placesOf = (outputs: readonly ConfiguredOutput[]) =>
  outputs.flatMap(({ kind, options }) => kind.replaces?.(options) ?? [])

/** The cursor of an output in the log of a run. */
export const cursorOf = (buffer: DiskBuffer, name: string) => buffer.cursors.find((one) => one.name === name)

async function newestSnapshot(buffer: DiskBuffer, after: number): Promise<Snapshot | undefined> {
  const reader = buffer.reader(after)
  let newest: Snapshot | undefined
  try {
    for (let entry = await reader.next(); entry !== undefined; entry = await reader.next())
      if (entry.snapshot.series.length > 0) newest = entry.snapshot
  } finally {
    await reader.close()
  }
  return newest
}

/**
 * Saves the samples that a receiver rejected of a command's newest snapshot as a dead letter. Call it once, at the end. An
 * agent does not save them: its next snapshot contains the same metrics, and a file for each interval would push out
 * other dead letters.
 */
export async function saveRejection(cursor: Cursor, { rejection }: Output, sequence: number): Promise<void> {
  if (rejection === undefined) return
  const { reason, snapshot, series } = rejection
  cursor.drop('rejected', series.size)
  await cursor.saveDeadLetter({ reason, entries: [{ sequence, snapshot }], series })
}
