import type { GenericSchema } from 'valibot'
import type { Cursor, SamplingRule } from './buffer/index.ts'

import type { CollectionResult } from './collect/index.ts'
import type { Emit } from './collector.ts'
import type { ConfiguredFiles } from './host/index.ts'
import type { Access, Headers, Outcome, Sender, Target } from './http/index.ts'

import type { Labels, Series, Snapshot } from './metrics/index.ts'

import type { Clock } from './util/clock.ts'
import type { Log } from './util/log.ts'
import { userAgent } from './util/version.ts'

/*
 * The contract of an output: everything that the agent, the watchdog, the status page, a reload, the batch commands,
 * `check` and `doctor` need to know about one. A kind of output is one object of the type OutputKind and one line in
 * output-kinds.ts; no other file names the kinds side by side.
 */

/** Receives every snapshot of the agent: an output, or the web server. */
export interface SnapshotConsumer {
  readonly name: string
  /**
   * A new snapshot was collected. Must not block. May throw: the agent guards every consumer. An output with a cursor
   * reads the snapshot from the buffer, and uses this call for its statistics only.
   */
  onSnapshot(result: CollectionResult): void
  /**
   * Delivers what it can until the signal aborts, without waiting for a backoff, then releases everything it holds. The
   * signal may have aborted already. Ends about a second after the signal at the latest, even if a request hangs. Does not
   * reject. Afterwards `report` still says what is pending, and why.
   */
  stop(deadline: AbortSignal): Promise<void>
}

/** Something that must make progress, for the watchdog. */
export interface Watched {
  readonly name: string
  /**
   * For how long it has made no progress although there is work, in milliseconds. 0 without work, while it waits for a
   * retry, and while a request is within its deadline.
   */
  stalledMs(): number
  /** Number of finished units of work; for an output, answers of the receiver. `restart` does not change it. */
  readonly completed: number
  /** Abandons its current work and starts again. */
  restart(): void
}

/** A running output. */
export interface Output extends SnapshotConsumer, Watched {
  /** The current state, for the status page, the terminal and the self metrics. */
  readonly report: OutputReport
  /** The rejected part of the last snapshot that the receiver answered. Only for a kind that delivers the newest snapshot. */
  readonly rejection?: OutputRejection | undefined
  /** Saves rejected samples that are only in memory. */
  saveDeadLetters?(): Promise<void>
  /** Makes the next attempt at once: after a reload, SIGHUP, or a repaired token file. */
  retry(): void
  /** Counts samples that will never be delivered to this output because they have no valid timestamp. */
  dropUndated(samples: number): void
}

export interface OutputReport {
  readonly name: string
  /** The receiver's URL, without secrets. */
  readonly url: string
  /** Snapshots that are not delivered yet. */
  readonly pending: number
  /** Why nothing is delivered now; undefined while delivery works. */
  readonly problem: string | undefined
  /** The event that the output waits for, or waited for when it was stopped; undefined if there is none. */
  readonly waiting: string | undefined
  /** What the receiver does with the good samples of a request that it rejects, and how this is known. */
  readonly acceptance?: string
}

/** The part of one snapshot that a receiver rejected. */
export interface OutputRejection {
  /** The receiver's error message. */
  readonly reason: string
  /** One line with the rejected series, the reason and the remedy. */
  readonly summary: string
  readonly snapshot: Snapshot
  readonly series: ReadonlySet<Series>
}

/** An output with undelivered snapshots at the stop. */
export interface Undelivered {
  readonly name: string
  readonly url: string
  readonly snapshots: number
  /** Whether the snapshots are in the buffer. If the buffer is on disk, they survive the process. */
  readonly isBuffered: boolean
  readonly reason?: string
}

/** Options of every output. A kind adds its own. */
export interface OutputOptions extends Target {
  readonly name: string
  /** TLS, proxy and address selection. */
  readonly access?: Access
  /**
   * Equal for two outputs of one kind that were configured with the same words: such an output survives a reload. The
   * reader of the configuration sets it, not the kind.
   */
  readonly digest?: string
  /** Which snapshots it reads from the buffer; default: every one. */
  readonly sampling?: SamplingRule
  /** The path at which a receiver of its kind accepts pushes, for a hint. */
  readonly pushPath?: string | undefined
}

/** One entry of `Config.outputs`. */
export interface ConfiguredOutput<Options extends OutputOptions = OutputOptions> {
  readonly kind: OutputKind<Options>
  readonly options: Options
}

/** Context for reading one block of the configuration. */
export interface OutputContext {
  /** `remote_write[0]`: starts every problem and warning. */
  readonly place: string
  /** Whether the block is the only one of its kind; its name is then optional. */
  readonly isAlone: boolean
  /** Reads the files that the block names. */
  readonly files: ConfiguredFiles
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly problems: string[]
  /** Values that are valid but probably a mistake; each with its place. */
  readonly warnings: string[]
  /** The whole validated file, for top-level keys that belong to a kind. */
  readonly file: Readonly<Record<string, unknown>>
  /** `job`, `instance` and the external labels. */
  readonly identity: Labels
  /** Replaces facts of the host in a label: `${hostname}`. */
  readonly expanded: (text: string, place: string) => string
  /** How often snapshots are collected, in milliseconds. */
  readonly intervalMs: number
}

/** Defaults that an output brings if it is the only one and the configuration does not set the key. */
export interface OutputDefaults {
  readonly interval?: { readonly value: string; readonly reason: string }
  readonly job?: { readonly value: string; readonly reason: string }
}

/** How long an output lives: an agent, a command that pushes while it runs, or one last delivery. */
export type OutputLifetime = 'agent' | 'command' | 'moment'

/** Dependencies of an output. */
export interface OutputDeps {
  readonly clock: Clock
  readonly log: Log
  /** The only connection of the output; the output closes it. */
  readonly sender: Sender
  readonly userAgent: string
  /** The output's position in the buffer. Missing for a kind that delivers the newest snapshot only. */
  readonly cursor?: Cursor
  readonly lifetime?: OutputLifetime
  /** The output of the same name and kind that this one replaces, already stopped: its counters continue in this one. */
  readonly previous?: Output | undefined
  /** The receiver's own time, milliseconds since the epoch. */
  readonly onTime?: (receiverMs: number) => void
  /** Whether the wall clock of this host has stepped since the start. */
  readonly hasStepped?: () => boolean
}

/** The code that runs outputs of a kind. */
export interface OutputCode<Options extends OutputOptions = OutputOptions> {
  open(options: Options, deps: OutputDeps): Output
}

/** A finding of `doctor`, with its remedy. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly thing: string
  readonly text: string
  readonly remedy?: string | undefined
}

/** A request of `doctor` that stores nothing. */
export interface ProbeRequest {
  readonly body: Uint8Array
  readonly headers: Headers
}

export interface ProbeAnswer {
  readonly outcome: Outcome
  /** Status and headers of every answer: of redirects first. */
  readonly heads: readonly AnswerHead[]
}

export interface AnswerHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** How `doctor` finds out whether a receiver accepts this output. */
export interface OutputProbe {
  /** Where the request goes, if not to the output's own URL by POST. */
  readonly target?: Partial<Pick<Target, 'url' | 'method'>>
  readonly request: ProbeRequest
  /** More requests after the first one was accepted. */
  followUp?(ask: (request: ProbeRequest) => Promise<ProbeAnswer>): Promise<readonly Finding[]>
}

/** Values for the self metrics of all outputs of a kind. */
export interface OutputMetricsContext {
  /** Wall clock, milliseconds since the epoch. */
  readonly nowMs: number
  /** Samples that the agent has collected for its outputs. */
  readonly appendedSamples: number
}

/** A kind of output. */
export interface OutputKind<Options extends OutputOptions = OutputOptions, Running extends Output = Output> {
  /** Key in the configuration; the value is a list of blocks. */
  readonly kind: string
  /** The value of `component` in log lines, and the name in hints: `remote-write`. */
  readonly component: string
  /** Schema of one block of the configuration. */
  readonly schema: GenericSchema
  /** Keys at the top of the file that belong to this kind. */
  readonly globals?: Readonly<Record<string, GenericSchema>>
  /**
   * `every`: each snapshot, in order, from the buffer, with a backlog. `newest`: the newest snapshot only; a batch
   * command keeps it in its log until it is delivered.
   */
  readonly delivers: 'every' | 'newest'
  /** Precedes the output's name in the buffer. Empty for one kind only. */
  readonly cursorPrefix: string
  /** Converts a block that `schema` accepted to options. Adds problems and warnings with their place. */
  options(block: never, context: OutputContext): Promise<Options>
  /** Defaults for interval and job if this block is the only output. */
  defaults?(block: never): OutputDefaults
  /** Loads the code that runs an output, and its libraries. */
  load(): Promise<OutputCode<Options>>
  /** The receiver's URL, without secrets. */
  address(options: Options): string
  /** The self metrics of all outputs of this kind. */
  selfMetrics(emit: Emit, outputs: readonly Running[], context: OutputMetricsContext): void
  /** The request of `doctor` to the receiver. */
  probe(options: Options): OutputProbe
  /** Describes what it would send of a snapshot, for `doctor`. */
  preview?(options: Options, snapshot: Snapshot): Promise<Finding>
  /**
   * Options for samples that a command pushes: they are added to the group of these labels and replace nothing else in it.
   * `identity` has the labels of the configuration.
   */
  adding?(options: Options, labels: Labels, identity: Labels): Options
  /** Only for `newest`: the place at the receiver; a push replaces its content. */
  replaces?(options: Options): ReplacedPlace
  /** A JSON value that a batch command stores in its log: it identifies the destination for a later delivery. */
  remember?(options: Options): unknown
  /** The options with the destination that `remember` returned. */
  recall?(options: Options, remembered: unknown): Options
}

/** An entry of the registry. The kind itself is loaded when a configuration is read. */
export interface RegisteredKind {
  /** Key in the configuration. */
  readonly kind: string
  /** Flag of the batch commands for this kind; the value is the URL of a receiver. */
  readonly flag: { readonly name: string; readonly help: string }
  readonly load: () => Promise<OutputKind>
}

export const loadKinds = (registry: readonly RegisteredKind[]): Promise<readonly OutputKind[]> =>
  Promise.all(registry.map(({ load }) => load()))

export interface ReplacedPlace {
  readonly key: string
  /** Whether a push replaces the whole group, not only metrics with the same names. */
  readonly isWhole: boolean
}

/** The name of an output in the buffer. */
export const cursorNameOf = ({ kind, options }: ConfiguredOutput): string => `${kind.cursorPrefix}${options.name}`

/**
 * How outputs are shown to people, by key: by URL, with the name if several outputs have the same URL.
 */
export function shownAddresses(
  outputs: readonly { readonly key: string; readonly name: string; readonly url: string }[],
): ReadonlyMap<string, string> {
  const names = new Map(outputs.map((one) => [one.key, one]))
  const byUrl = Map.groupBy(names.values(), ({ url }) => url)
  return new Map(
    [...names].map(([key, { name, url }]) => [key, (byUrl.get(url)?.length ?? 0) > 1 ? `${url} (${name})` : url]),
  )
}

/** The same for configured outputs, by their names in the buffer. */
export const addressesOf = (outputs: readonly ConfiguredOutput[]): ReadonlyMap<string, string> =>
  shownAddresses(
    outputs.map((one) => ({
      key: cursorNameOf(one),
      name: one.options.name,
      url: one.kind.address(one.options),
    })),
  )

/** The component of the output that has this name in a buffer. */
export type ComponentOf = (cursorName: string) => string

export function componentOf(kinds: readonly OutputKind[]): ComponentOf {
  const byLength = kinds.toSorted((left, right) => right.cursorPrefix.length - left.cursorPrefix.length)
  return (name) => byLength.find(({ cursorPrefix }) => name.startsWith(cursorPrefix))?.component ?? ''
}

/** Whether any of these outputs has a backlog, which a restart must not lose. */
export const haveBacklog = (outputs: readonly ConfiguredOutput[]): boolean =>
  outputs.some(({ kind }) => kind.delivers === 'every')

/** Dependencies for sending. */
export interface SendDeps {
  readonly clock: Clock
  readonly log: Log
  /** Opens the one connection of an output. */
  readonly connect: (origin: string, access?: Access, clock?: Clock) => Promise<Sender>
}

type Rest = Omit<OutputDeps, 'clock' | 'log' | 'sender' | 'userAgent'>

/** Loads the code of an output and opens its connection. Rejects if either fails. `start` starts the output. */
export async function connectOutput(
  { kind, options }: ConfiguredOutput,
  { clock, log, connect }: SendDeps,
): Promise<{ readonly sender: Sender; start(rest: Rest): Output }> {
  const [code, sender] = await Promise.all([kind.load(), connect(options.url.origin, options.access, clock)])
  return { sender, start: (rest) => code.open(options, { clock, log, sender, userAgent, ...rest }) }
}

/** Connects and starts an output. */
export const openOutput = async (output: ConfiguredOutput, deps: SendDeps, rest: Rest): Promise<Output> =>
  (await connectOutput(output, deps)).start(rest)
