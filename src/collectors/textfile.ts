import { type Context, collectEach, collector, list } from '../collector.ts'
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
import type { RegularFile } from '../util/regular-file.ts'

const scrapeError = gauge(
  'node_textfile_scrape_error',
  '1 if there was an error in a directory, a file or a help text, else 0.',
)
const modified = gauge('node_textfile_mtime_seconds', 'Modification time of a file that was read, in whole seconds.', [
  'file',
])

/**
 * The bounds of all text files together. Files above them are skipped; `textLimits` bounds each file. The heap has 256 MB, and
 * a writer may change all series in each interval.
 */
const bounds = {
  files: 1000,
  bytes: 16 * 1024 * 1024,
  series: 20_000,
  lines: 100_000,
  labels: 100_000,
}

/** Maximum number of entries of a directory. Listing 10^6 entries would take a second. */
const maxEntries = 10_000

/** Maximum number of faults in one message. */
const maxFaults = 10

/** Maximum number of characters of a file in a message, if every user may read the file. */
const maxQuoted = 8

const options = {
  directory: list([], 'Where to look for *.prom files; may be a glob.'),
}

/** A file with an error is skipped completely. */
export default collector({
  name: 'textfile',
  about:
    'Reports metrics that other programs write to *.prom files. Reads the configured directories, up to 16 MiB and 10000 series a file, and up to 1000 files and 20000 series in all.',
  options,
  state: (): State => ({ files: new Map(), families: new Map() }),
  collect(context) {
    const { dirAt, options, remote } = context
    const found: Found = { sources: [], faults: [] }
    const onFault = (text: string) => {
      found.faults.push(text)
    }
    const paths = options.directory.filter((path) => path !== '')
    const isRemote = remote.remotePaths()
    const isRemotePattern = (path: string) => isRemote(/^[^*?[\\]*/.exec(path)?.[0] ?? path) // up to the first wildcard
    const remotePaths = paths.filter(isRemotePattern)
    const directories = paths.filter((path) => !isRemotePattern(path)).flatMap((path) => globbed(path, dirAt))
    const addFiles = (directory: string) => {
      if (isRemote(directory)) remotePaths.push(directory)
      else
        for (const path of filesIn(directory, dirAt, onFault)) {
          if (isRemote(path)) remotePaths.push(path)
          else found.sources.push({ path, read: (maxBytes) => dirAt(path).regular('', maxBytes) })
        }
    }
    collectEach(new Set(directories), addFiles, onFault)
    if (remotePaths.length === 0) return report(context, found)
    return addRemote(context, [...new Set(remotePaths)], found).then(() => report(context, found))
  },
})

type TextfileContext = Context<typeof options, State>

/** The files to report, and faults outside their content. */
interface Found {
  readonly sources: Source[]
  readonly faults: string[]
}

/** A text file. `read` throws if it cannot be read. */
interface Source {
  readonly path: string
  readonly read: (maxBytes: number) => RegularFile
}

/** Adds the files on remote file systems. While one does not answer, its last files are used. */
async function addRemote({ remote, state }: TextfileContext, paths: readonly string[], found: Found): Promise<void> {
  const { files, bytes } = bounds
  const limits = { entries: maxEntries, files, bytes, fileBytes: textLimits.maxBytes }
  for (const [path, listing] of await remote.read(paths, '.prom', limits)) {
    found.faults.push(...listing.faults)
    if (listing.fault !== undefined) found.faults.push(`${path}: ${listing.fault}`)
    if (listing.fault !== undefined && listing.files.length === 0)
      for (const file of state.files.values()) if (file.name.startsWith(`${path}/`)) found.sources.push(earlier(file))
    for (const file of listing.files) {
      const read = (maxBytes: number) => {
        if ('error' in file) throw new Error(file.error)
        if (file.bytes.length > maxBytes) throw new Error(`larger than ${maxBytes} bytes`)
        return file
      }
      found.sources.push({ path: file.path, read })
    }
  }
}

/** A file that was read before its directory was mounted over. */
const earlier = ({ name, bytes, modifiedSeconds = 0 }: TextFile): Source => ({
  path: name,
  read: () => ({ bytes, mtimeMs: modifiedSeconds * 1000, isPublic: false }),
})

function report({ emit, state, warn }: TextfileContext, { sources, faults }: Found): void {
  const onFault = (text: string) => {
    faults.push(text)
  }
  const rest: Rest = { ...bounds }
  if (sources.length > bounds.files) onFault(`more than ${bounds.files} files, the others are ignored`)
  const files: TextFile[] = []
  const read = (source: Source) => {
    const file = readFile(source, rest, state.files.get(source.path))
    files.push(file)
    if (file.fault !== undefined) onFault(`${file.name}: ${file.fault}`)
  }
  collectEach(sources.slice(0, bounds.files), read, onFault)
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
}

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
function readFile({ path, read }: Source, rest: Rest, previous: TextFile | undefined): TextFile {
  try {
    const { bytes, mtimeMs, isPublic } = read(Math.min(textLimits.maxBytes, rest.bytes))
    const limits = limitsWithin(rest)
    const content = isSame(previous, bytes, limits) ? previous : contentOf(bytes, limits, isPublic ? maxQuoted : 0)
    rest.bytes -= bytes.length
    rest.lines -= content.size.lines
    if (content.fault === undefined) {
      rest.series -= content.size.series
      rest.labels -= content.size.labels
    }
    return { ...content, name: path, modifiedSeconds: Math.floor(mtimeMs / 1000), bytes, limits }
  } catch (error) {
    throw new Error(path, { cause: error })
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
