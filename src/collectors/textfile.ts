import { collectEach, collector, list } from '../collector.ts'
import { type Dir, globbed } from '../host/index.ts'

import {
  type FamilySource,
  familySamples,
  gauge,
  type KnownFamilies,
  mergeFamilies,
  type NormalizedFamily,
  normalizeFamily,
  type ReadFamily,
  readText,
} from '../metrics/index.ts'

const scrapeError = gauge(
  'node_textfile_scrape_error',
  '1 if there was an error in a directory, a file or a help text, else 0.',
)
const modified = gauge('node_textfile_mtime_seconds', 'Modification time of a file that was read, in whole seconds.', [
  'file',
])

/** A file with an error is skipped completely. */
export default collector({
  name: 'textfile',
  about: 'Reports metrics that other programs write to *.prom files. Reads the configured directories.',
  options: {
    directory: list([], 'Where to look for *.prom files; may be a glob.'),
  },
  state: (): State => ({ files: new Map(), families: new Map() }),
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
    state.files = new Map(files.map((file) => [file.name, file]))

    const { families, conflicts } = mergeFamilies(files)
    conflicts.forEach(fault)
    const { known, samples } = familySamples(families, state.families)
    state.families = known
    for (const { family, value, labels } of samples) emit(family, value, labels)
    for (const { name, modifiedSeconds } of files) emit(modified, modifiedSeconds, { file: name })
    emit(scrapeError, faults === 0 ? 0 : 1)
  },
})

/** A file that was read; `name` is its path. */
interface TextFile extends FamilySource {
  readonly modifiedSeconds: number | undefined
  readonly bytes: Buffer
}

interface State {
  files: ReadonlyMap<string, TextFile>
  families: KnownFamilies
}

function filesIn(directory: string, dirAt: (path: string) => Dir): string[] {
  const names = dirAt(directory)
    .entries()
    .filter((name) => name.endsWith('.prom'))
  return names.map((name) => dirAt(`${directory}/${name}`).path)
}

/** Parses the file only if it has changed since the previous interval. */
function readFile(file: Dir, previous: TextFile | undefined): TextFile {
  try {
    const bytes = file.bytes('')
    const changedMs = file.status()?.mtimeMs
    return {
      name: file.path,
      modifiedSeconds: changedMs === undefined ? undefined : Math.floor(changedMs / 1000),
      bytes,
      families: previous?.bytes.equals(bytes) ? previous.families : readText(bytes).map(normalized),
    }
  } catch (error) {
    throw new Error(file.path, { cause: error })
  }
}

/** Rejects timestamps: samples get the timestamp of the collection. */
function normalized(family: ReadFamily): NormalizedFamily {
  if (family.samples.some(({ timestampMs }) => timestampMs !== undefined))
    throw new Error(`${family.name} has a timestamp: a text file must not contain timestamps`)
  return normalizeFamily(family)
}
