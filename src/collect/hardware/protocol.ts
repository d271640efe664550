import type { Collector, ObjectFields, Options, Values } from '../../collector.ts'
import type { HostOptions } from '../../host/index.ts'
import { type Family, type Labels, ownPattern, type Pattern, userPattern } from '../../metrics/index.ts'

/*
 * This process and a helper process exchange lines. To the helper: `Setup` once, then `Request`s. From the helper: `@FILE`
 * before each read of a file that hardware may answer, then one `Reply` for each request.
 */

export const beforeRead = '@'

/** An option's value as JSON: a pattern is its text. */
type PlainOptions = Readonly<Record<string, unknown>>
type PlainPattern = readonly [source: string, isDefault: boolean]

export interface Setup {
  readonly host: HostOptions
  readonly collectors: readonly (readonly [name: string, options: PlainOptions])[]
}

/** Run a collector, for a snapshot of this time. `endsInterval`: all collectors have run. */
export type Request = { readonly run: string; readonly now: number } | { readonly endsInterval: true }

/** `value` is a text where JSON has no such number. Label values are in the order of the family's label names. */
type PlainSample = readonly [family: number, value: number | string, ...labelValues: string[]]

export interface Reply {
  readonly name: string
  /** Families that occur for the first time. Their numbers continue those of earlier replies. */
  readonly families: readonly Family[]
  readonly samples: readonly PlainSample[]
  readonly warnings: readonly string[]
  readonly error?: { readonly isNoData: boolean; readonly text: string }
  readonly seconds: number
  /** Its slowest read, milliseconds. */
  readonly slowest: SlowestRead
  /** For how long the process had no processor in this time; see run-delay.ts. */
  readonly delayMs: number
}

export interface SlowestRead {
  readonly ms: number
  readonly file: string
}

export const noRead: SlowestRead = { ms: 0, file: '' }

const isPlain = (value: number): boolean => Number.isFinite(value) && !Object.is(value, -0)
const textOf = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

/** Numbers the families of a helper process and collects the samples of a reply. */
export class SampleWriter {
  readonly #numbers = new Map<Family, number>()
  #families: Family[] = []
  #samples: PlainSample[] = []

  add(family: Family, value: number, labels: Labels = {}): void {
    let number = this.#numbers.get(family)
    if (number === undefined) {
      this.#numbers.set(family, (number = this.#numbers.size))
      this.#families.push(family)
    }
    const labelValues = family.labelNames.map((name) => labels[name] ?? '')
    this.#samples.push([number, isPlain(value) ? value : textOf(value), ...labelValues])
  }

  take(): Pick<Reply, 'families' | 'samples'> {
    const taken = { families: this.#families, samples: this.#samples }
    this.#families = []
    this.#samples = []
    return taken
  }
}

export type Sample = readonly [family: Family, value: number, labels: Labels | undefined]

/** Reads the samples of the replies of one helper process. */
export class SampleReader {
  readonly #families: Family[] = []

  read({ families, samples }: Reply): readonly Sample[] {
    this.#families.push(...families)
    return samples.flatMap(([number, value, ...labelValues]) => {
      const family = this.#families[number]
      if (family === undefined) return []
      const labels = family.labelNames.map((name, i) => [name, labelValues[i] ?? ''] as const)
      return [[family, Number(value), labels.length === 0 ? undefined : Object.fromEntries(labels)] as const]
    })
  }
}

/** The options of a collector for its run in another process. */
export function plainOptions({ options }: Collector, values: Values<Options>): PlainOptions {
  const given: Readonly<Record<string, unknown>> = values
  return Object.fromEntries(
    Object.entries(options).map(([key, { kind }]) => {
      if (kind !== 'pattern') return [key, given[key]]
      const { source, isDefault } = given[key] as Pattern
      return [key, [source, isDefault] satisfies PlainPattern]
    }),
  )
}

/** The reverse of `plainOptions`. */
export async function optionsFrom({ options }: Collector, plain: PlainOptions): Promise<Values<ObjectFields>> {
  const entries = Object.entries(options).map(async ([key, { kind }]) => {
    if (kind !== 'pattern') return [key, plain[key]]
    const [source, isDefault] = plain[key] as PlainPattern
    return [key, isDefault ? ownPattern(source) : await userPattern(source)]
  })
  return Object.fromEntries(await Promise.all(entries))
}
