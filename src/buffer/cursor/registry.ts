import { type Log, report } from '../../util/log.ts'
import type { LogPosition } from '../memory-tail.ts'
import { cursorMessages as messages } from '../messages.ts'
import type { SamplingRule } from '../sampling.ts'
import type { Segments } from '../segment/directory.ts'
import { DiskCursor } from './cursor.ts'
import type { CursorFile } from './file.ts'
import { type InFlightMarks, recoveredState } from './in-flight-mark.ts'
import type { LogView } from './log-view.ts'
import type { CursorState } from './record.ts'

interface Deps {
  readonly file: CursorFile
  readonly segments: Segments
  readonly log: Log
  /** The newest snapshot of the previous agent. */
  readonly last: LogPosition
  /** The positions of some endpoints are unknown. */
  readonly lostCursors: boolean
  /** The newest in-flight mark of each endpoint. */
  readonly marks: InFlightMarks
  /** Whether the last request of an endpoint may be unknown: neither the cursor file nor the marks of the log are complete. */
  readonly isOld: boolean
}

/** The cursors of all endpoints on disk, configured or not. */
export class CursorRegistry {
  readonly cursors = new Map<string, DiskCursor>()
  readonly #configured = new Set<string>()
  readonly #deps: Deps
  readonly #logView: LogView
  #hasReported = false

  constructor(deps: Deps, logView: LogView) {
    this.#deps = deps
    this.#logView = logView
    const { file, isOld, last, marks } = deps
    for (const one of file.states) {
      const state = recoveredState(one, marks.get(one.name))
      const uncertain = isOld || file.uncertain.has(state.name) ? last.sequence : state.uncertain
      this.cursors.set(state.name, new DiskCursor({ ...state, uncertain }, logView))
    }
  }

  isConfigured(endpoint: string): boolean {
    return this.#configured.has(endpoint)
  }

  cursor(endpoint: string, sampling?: SamplingRule): DiskCursor {
    const { segments, log, file } = this.#deps
    this.#configured.add(endpoint)
    const known = this.cursors.get(endpoint)
    if (known !== undefined) {
      known.setSampling(sampling)
      known.guessOldest(segments.holding(known.position.sequence + 1)?.createdMs)
      if (known.uncertain > known.position.sequence) report(log, messages.uncertain, { endpoint })
      return known
    }
    const state = this.#newState(endpoint)
    const created = new DiskCursor(state, this.#logView)
    created.setSampling(sampling)
    this.cursors.set(endpoint, created)
    void file.save(state, true)
    return created
  }

  /** Marks an endpoint as not configured, for the next report. */
  detach(endpoint: string): void {
    this.#configured.delete(endpoint)
    this.cursors.get(endpoint)?.setSampling(undefined)
    this.#hasReported = false
  }

  /** Logs once which endpoints have a backlog and are not configured. */
  report(): void {
    if (this.#hasReported) return
    this.#hasReported = true
    for (const { name, position } of this.cursors.values()) {
      if (this.#configured.has(name)) continue
      const snapshots = this.#deps.last.sequence - position.sequence
      report(this.#deps.log, messages.notConfigured, {
        endpoint: name,
        snapshots,
        hint: `configure an endpoint with this name to deliver them, or drop them with: hostpush buffer drop --endpoint=${name}`,
      })
    }
  }

  /** Deletes the cursors of unconfigured endpoints without activity since this time, and drops their backlog. */
  async forgetRemoved(beforeMs: number): Promise<void> {
    for (const { name, writtenMs } of this.#deps.file.states) {
      if (this.#configured.has(name) || !this.#hasReported || writtenMs >= beforeMs) continue
      await this.cursors.get(name)?.skipTo(this.#logView.tail.last, 'max_age')
      await this.forget(name)
    }
  }

  async forget(endpoint: string): Promise<void> {
    await this.cursors.get(endpoint)?.close()
    this.cursors.delete(endpoint)
    await this.#deps.file.forget(endpoint)
  }

  /** Makes the positions of all endpoints durable, with one sync. */
  async checkpoint(): Promise<void> {
    await Promise.all([...this.cursors.values()].map((cursor) => cursor.checkpoint()))
  }

  async close(): Promise<void> {
    for (const cursor of this.cursors.values()) await cursor.close()
  }

  /** A new cursor starts at the end of the log, or at the oldest snapshot if cursors were lost. */
  #newState(name: string): CursorState {
    const { segments, lostCursors, log } = this.#deps
    const state = { name, inFlight: undefined, writtenMs: this.#logView.now(), memo: '', delivered: 0, settled: 0 }
    const [oldest] = segments.all
    const { last } = this.#logView.tail
    if (!lostCursors || oldest === undefined) return { ...state, position: last, settled: last.sequence, uncertain: 0 }
    report(log, messages.missing, { endpoint: name })
    const position = { sequence: oldest.first - 1, samples: oldest.samplesBefore }
    return { ...state, position, uncertain: last.sequence }
  }
}
