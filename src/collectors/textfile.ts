import { collectEach, collector, list } from '../collector.ts'
import type { Dir } from '../host/fs/dir.ts'
import { globbed } from '../host/fs/glob.ts'
import { type ReadFamily, type ReadSample, readText } from '../metrics/exposition/read-text.ts'
import { type Family, family, gauge, type Suffix } from '../metrics/family.ts'

const scrapeError = gauge('node_textfile_scrape_error', '1 if a directory, a file or a help text is at fault, else 0.')
const modified = gauge('node_textfile_mtime_seconds', 'When a file that was read was last changed, in whole seconds.', [
  'file',
])

/** Metrics that other programs leave in files. A file that is at fault is left out as a whole. */
export default collector({
  name: 'textfile',
  about: 'Reports metrics that other programs write to *.prom files. Reads the configured directories.',
  options: {
    directory: list([], 'Where to look for *.prom files; may be a glob.'),
  },
  state: () => ({ files: new Map<string, TextFile>(), families: new Map<string, Family>() }),
  collect({ dirAt, emit, options, state, warn }) {
    let faults = 0
    const fault = (text: string) => {
      faults++
      warn(text)
    }
    const files: TextFile[] = []
    const read = (path: string) => files.push(readFile(dirAt(path), state.files.get(path)))
    const directories = options.directory.filter((path) => path !== '').flatMap((path) => globbed(path, dirAt))
    collectEach(new Set(directories), (path) => collectEach(filesIn(path, dirAt), read, fault), fault)
    state.files = new Map(files.map((file) => [file.path, file]))

    const families = new Map<string, Family>()
    for (const { name, type, help, parts } of withHelp(files, fault)) {
      for (const { suffix, labelNames, samples } of parts) {
        const key = JSON.stringify([name, type, help, suffix, labelNames])
        const known = state.families.get(key) ?? family(type, name, help, labelNames, suffix)
        families.set(key, known)
        for (const { value, labels } of samples) emit(known, value, labels)
      }
    }
    state.families = families
    for (const { path, modifiedSeconds } of files) emit(modified, modifiedSeconds, { file: path })
    emit(scrapeError, faults === 0 ? 0 : 1)
  },
})

interface TextFile {
  readonly path: string
  readonly modifiedSeconds: number | undefined
  readonly bytes: Buffer
  readonly families: readonly Padded[]
}

/** A family in one file. */
interface Padded extends Omit<ReadFamily, 'samples'> {
  /** By suffix; within a part every sample has every label, empty where the file has none. */
  readonly parts: readonly Part[]
}

interface Part {
  readonly suffix: Suffix
  readonly labelNames: readonly string[]
  readonly samples: readonly ReadSample[]
}

function filesIn(directory: string, dirAt: (path: string) => Dir): string[] {
  const names = dirAt(directory)
    .entries()
    .filter((name) => name.endsWith('.prom'))
  return names.map((name) => dirAt(`${directory}/${name}`).path)
}

/** Parses only what has changed since it was read before. */
function readFile(file: Dir, before: TextFile | undefined): TextFile {
  try {
    const bytes = file.bytes('')
    const changedMs = file.status()?.mtimeMs
    return {
      path: file.path,
      modifiedSeconds: changedMs === undefined ? undefined : Math.floor(changedMs / 1000),
      bytes,
      families: before?.bytes.equals(bytes) ? before.families : readText(bytes).map(padded),
    }
  } catch (error) {
    throw new Error(file.path, { cause: error })
  }
}

function padded({ samples, ...family }: ReadFamily): Padded {
  if (samples.some(({ timestampMs }) => timestampMs !== undefined))
    throw new Error(`${family.name} has a timestamp, and samples here are of the time they are read`)
  const labelsOf = (some: readonly ReadSample[]) => some.flatMap(({ labels }) => Object.keys(labels))
  const bySuffix = Map.groupBy(samples, ({ suffix }) => suffix)
  // Each summary and histogram has a sum, and a sum has all labels but that of the bound.
  const common = labelsOf(bySuffix.get('_sum') ?? [])
  const parts = [...bySuffix].map(([suffix, some]) => {
    const labelNames = [...new Set([...common, ...labelsOf(some)])]
    const empty = Object.fromEntries(labelNames.map((label) => [label, '']))
    return { suffix, labelNames, samples: some.map((one) => ({ ...one, labels: { ...empty, ...one.labels } })) }
  })
  return { ...family, parts }
}

/**
 * All families with their help: what a file says, or where none says anything, which files they are from. Where a file
 * says another thing than a file before it, its copy is left out.
 */
function withHelp(files: readonly TextFile[], fault: (text: string) => void): Padded[] {
  const helps = new Map<string, string>()
  const sources = new Map<string, string[]>()
  const kept = files.flatMap(({ path, families }) =>
    families.filter(({ name, help }) => {
      sources.set(name, [...(sources.get(name) ?? []), path])
      const first = helps.get(name) || help
      helps.set(name, first)
      if (help === '' || help === first) return true
      fault(`${path}: the help of ${name} is not the one in another file`)
      return false
    }),
  )
  return kept.map((family) => ({
    ...family,
    help: helps.get(family.name) || `Metric read from ${sources.get(family.name)?.join(', ')}`,
  }))
}
