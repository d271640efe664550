import { collectEach, collector, list } from '../collector.ts'
import { type Dir, globbed } from '../host/index.ts'

import {
  emptySize,
  type FamilySource,
  familySamples,
  fault,
  faultText,
  gauge,
  type KnownFamilies,
  mergeFamilies,
  type NormalizedFamily,
  named,
  normalizeFamily,
  type ReadFamily,
  readTextWithin,
  type TextLimits,
  type TextSize,
  textLimits,
} from '../metrics/index.ts'

const scrapeError = gauge(
  'node_textfile_scrape_error',
  '1 if there was an error in a directory, a file or a help text, else 0.',
)
const modified = gauge('node_textfile_mtime_seconds', 'Modification time of a file that was read, in whole seconds.', [
  'file',
])

/** The bounds of all text files together. Files above them are skipped; `textLimits` bounds each file. */
const bounds = {
  files: 1000,
  bytes: 32 * 1024 * 1024,
  series: 50_000,
  lines: 250_000,
  labels: 1_000_000,
}

/** Maximum number of entries of a directory. Listing 10^6 entries would take a second. */
const maxEntries = 10_000

/** Maximum number of faults in one message. */
const maxFaults = 10

/** Maximum number of characters of a file in a message, if every user may read the file. */
const maxQuoted = 8

/** A file with an error is skipped completely. */
export default collector({
  name: 'textfile',
  about:
    'Reports metrics that other programs write to *.prom files. Reads the configured directories, up to 16 MiB and 20000 series a file, and up to 1000 files and 50000 series in all.',
  options: {
    directory: list([], 'Where to look for *.prom files; may be a glob.'),
  },
  state: (): State => ({ files: new Map(), families: new Map() }),
  collect({ dirAt, emit, options, state, warn }) {
    const faults: string[] = []
    const onFault = (text: string) => {
      faults.push(text)
    }
    const rest: Rest = { ...bounds }
    const directories = options.directory.filter((path) => path !== '').flatMap((path) => globbed(path, dirAt))
    const paths: string[] = []
    collectEach(new Set(directories), (path) => paths.push(...filesIn(path, dirAt, onFault)), onFault)
    if (paths.length > bounds.files) onFault(`more than ${bounds.files} files, the others are ignored`)
    const files: TextFile[] = []
    const read = (path: string) => {
      const file = readFile(dirAt(path), rest, state.files.get(path))
      files.push(file)
      if (file.fault !== undefined) onFault(`${file.name}: ${file.fault}`)
    }
    collectEach(paths.slice(0, bounds.files), read, onFault)
    state.files = new Map(files.map((file) => [file.name, file]))

    const valid = files.filter((file) => file.fault === undefined)
    const { families, conflicts } = mergeFamilies(valid)
    conflicts.forEach(onFault)
    const { known, samples } = familySamples(families, state.families)
    state.families = known
    for (const { family, value, labels } of samples) emit(family, value, labels)
    for (const { name, modifiedSeconds } of valid) emit(modified, modifiedSeconds, { file: name })
    emit(scrapeError, faults.length === 0 ? 0 : 1)
    faults.slice(0, maxFaults).forEach(warn)
    if (faults.length > maxFaults) warn(`and ${faults.length - maxFaults} more errors`)
  },
})

/** What the next files may contain. */
type Rest = { -readonly [bound in keyof typeof bounds]: number }

/** A file that was read; `name` is its path. */
interface TextFile extends FamilySource {
  readonly modifiedSeconds: number | undefined
  readonly bytes: Buffer
  readonly limits: TextLimits
  readonly size: TextSize
  /** Why nothing of it is reported. */
  readonly fault: string | undefined
}

interface State {
  files: ReadonlyMap<string, TextFile>
  families: KnownFamilies
}

function filesIn(directory: string, dirAt: (path: string) => Dir, onFault: (text: string) => void): string[] {
  const entries = dirAt(directory).entries(maxEntries + 1)
  if (entries.length > maxEntries) onFault(`${directory}: more than ${maxEntries} entries, the others are ignored`)
  const names = entries.slice(0, maxEntries).filter((name) => name.endsWith('.prom'))
  return names.slice(0, bounds.files + 1).map((name) => dirAt(`${directory}/${name}`).path)
}

/** Reads a file and subtracts its content from `rest`. Throws if it cannot be read; an invalid content is its `fault`. */
function readFile(file: Dir, rest: Rest, previous: TextFile | undefined): TextFile {
  try {
    const { bytes, mtimeMs, isPublic } = file.regular('', Math.min(textLimits.maxBytes, rest.bytes))
    const limits = limitsWithin(rest)
    const content = isSame(previous, bytes, limits) ? previous : contentOf(bytes, limits, isPublic ? maxQuoted : 0)
    rest.bytes -= bytes.length
    rest.lines -= content.size.lines
    if (content.fault === undefined) {
      rest.series -= content.size.series
      rest.labels -= content.size.labels
    }
    return { ...content, name: file.path, modifiedSeconds: Math.floor(mtimeMs / 1000), bytes, limits }
  } catch (error) {
    throw new Error(file.path, { cause: error })
  }
}

const limitsWithin = ({ series, lines, labels }: Rest): TextLimits => ({
  maxSeries: Math.min(textLimits.maxSeries, series),
  maxLines: Math.min(textLimits.maxLines, Math.max(0, lines)),
  maxLabels: Math.min(textLimits.maxLabels, labels),
})

/** Whether the file has the content of the previous interval and would be parsed with the same result. */
function isSame(previous: TextFile | undefined, bytes: Buffer, limits: TextLimits): previous is TextFile {
  if (previous === undefined || !previous.bytes.equals(bytes)) return false
  const { limits: before, size, fault } = previous
  const { maxSeries, maxLines, maxLabels } = limits
  if (maxSeries === before.maxSeries && maxLines === before.maxLines && maxLabels === before.maxLabels) return true
  return fault === undefined && size.series <= maxSeries && size.lines <= maxLines && size.labels <= maxLabels
}

type Content = Pick<TextFile, 'families' | 'fault' | 'size'>

function contentOf(bytes: Buffer, limits: TextLimits, maxQuoted: number): Content {
  const size = emptySize()
  try {
    const families = readTextWithin(bytes, { ...limits, maxQuoted }, size).families.map(normalized)
    size.labels = labelsOf(families)
    if (size.labels > limits.maxLabels) throw fault`more than ${limits.maxLabels} labels`
    return { families, size, fault: undefined }
  } catch (error) {
    const isReduced = limits.maxSeries < textLimits.maxSeries || limits.maxLines < textLimits.maxLines
    const remark = isReduced ? `, the limits of all files are ${bounds.series} series and ${bounds.lines} lines` : ''
    return { families: [], size, fault: faultText(error, maxQuoted) + remark }
  }
}

const labelsOf = (families: readonly NormalizedFamily[]): number =>
  families
    .flatMap(({ parts }) => parts)
    .reduce((sum, { labelNames, samples }) => sum + labelNames.length * samples.length, 0)

/** Rejects timestamps: samples get the timestamp of the collection. */
function normalized(family: ReadFamily): NormalizedFamily {
  if (family.samples.some(({ timestampMs }) => timestampMs !== undefined))
    throw fault`${named(family.name)} has a timestamp: a text file must not contain timestamps`
  return normalizeFamily(family)
}
