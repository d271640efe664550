import { type Buffer, type BufferOptions, diskRemedy, openBuffer, type Sync } from '../buffer/index.ts'

import { type ConfiguredOutput, cursorNameOf } from '../output.ts'
import { isSet, timeText } from '../util/clock.ts'
import { messageOf, report } from '../util/log.ts'
import { clockMessages, messages } from './messages.ts'
import { createRun, type RunManifest } from './run-log.ts'
import { BatchSession } from './session.ts'
import type { BatchOptions, BatchRun, RunOptions, SpoolDeps } from './types.ts'

/** Opens a run with its own log. If the directory is not usable, logs it and buffers in memory. */
export async function openBatchRun(batch: BatchOptions, deps: SpoolDeps, options: RunOptions): Promise<BatchRun> {
  const nowMs = deps.clock.now()
  if (!isSet(nowMs) && !options.isSecond)
    report(deps.log, clockMessages.unsetForCommand, {
      now: timeText(nowMs),
      hint: 'run the command after time synchronization, for example with After=time-sync.target',
    })
  const outputs = batch.outputs.map(cursorNameOf)
  const manifest = { remembered: rememberedOf(batch.outputs), isEnded: !options.endsSeries, outputs }
  const buffer = await openLog(batch.buffer, deps, {
    manifest,
    sync: options.sync,
    level: options.isSecond ? 'debug' : 'error',
  })
  return new BatchSession({ batch, deps, buffer, manifest })
}

async function openLog(
  options: BufferOptions,
  deps: SpoolDeps,
  { level, ...how }: { readonly manifest: RunManifest; readonly sync: Sync; readonly level: 'error' | 'debug' },
): Promise<Buffer> {
  if (options.mode === 'disk') {
    try {
      return await createRun(options, deps, how)
    } catch (error) {
      const err = messageOf(error)
      const fields = { directory: options.directory, err, hint: diskRemedy(err) }
      report(deps.log, messages.directoryUnusable, fields, level)
    }
  }
  return openBuffer({ ...options, mode: 'memory' }, deps)
}

/** `OutputKind.remember` of each output, by its name in the log. */
const rememberedOf = (outputs: readonly ConfiguredOutput[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    outputs.flatMap((one) => {
      const { kind, options } = one
      return kind.remember === undefined ? [] : [[cursorNameOf(one), kind.remember(options)] as const]
    }),
  )
