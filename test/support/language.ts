import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Expressions that read like a translation, by the words that say it plainly. */
const replacements: Readonly<Record<string, readonly string[]>> = {
  again: ['anew', 'begun anew', 'begin anew', 'begins anew', 'asked anew', 'begun'],
  'log, report, list or document': [
    ...['is', 'are', 'was', 'were', 'be', 'been', 'being', 'and'].flatMap((verb) => [`${verb} told`, `${verb} said`]),
    ...['what', 'how', 'which', 'whether', 'why', 'of', 'every'].map((what) => `tells ${what}`),
  ],
  'name the thing': [
    'what waits',
    'what waited',
    'what is refused',
    'what was refused',
    'what is left',
    'what was left',
    'what there is',
    'whoever',
    'whose',
    'for whom',
    'to whom',
    'whom',
    'who gets',
    'who asked',
    'for what it is',
  ],
  'its, separate or dedicated': ['of its own', 'of their own', 'of our own'],
  previous: ['the agent before', 'the run before', 'the process before', 'the one before', 'the ones before'],
  'fix or correct': ['put right', 'puts right', 'puts it right', 'puts that right', 'set right'],
  'drop, release or delete': ['let go', 'lets go', 'letting go', 'lets it go', 'lets all of it go'],
  'save as a dead letter': ['set aside', 'sets aside', 'setting aside', 'put aside'],
  'if, up to or for': ['as far as', 'but for', 'lest', 'be it', 'as it stands'],
  both: ['alike'],
  'no longer': ['any more', 'for good'],
  'does not support or accept': ['takes no', 'take no', 'took no', 'has taken no'],
  'must be or will be': ['is to be', 'are to be', 'was to be', 'were to be', 'to be had'],
  'the state itself': ['all is well', 'is well', 'is ill', 'are ill', 'it fares', 'they fare', 'at odds'],
  'made no progress': ['stands still', 'stand still', 'stood still', 'does not move'],
  'says that': ['has it that', 'have it that'],
  'in flight': ['in its hands', 'in their hands'],
  'the technical noun': [
    ...['heir', 'heirs', 'patience', 'manners', 'politeness', 'polite', 'fate', 'fates', 'wishes', 'doubts'],
    ...[
      'through with it',
      'is through with',
      'are through with',
      'comes to an end',
      'come to an end',
      'came to an end',
    ],
  ],
}

export const expressions: readonly string[] = Object.values(replacements).flat()

const replacementOf = new Map(
  Object.entries(replacements).flatMap(([replacement, some]) => some.map((one) => [one, replacement] as const)),
)

// The longest first: `begun anew` counts once, and not as `anew`.
const pattern = new RegExp(
  `(?<![\\w-])(?:${expressions.toSorted((left, right) => right.length - left.length).join('|')})(?![\\w-])`,
  'gi',
)

export interface Hit {
  readonly file: string
  readonly line: number
  readonly expression: string
  readonly replacement: string
  /** The words around it. */
  readonly excerpt: string
}

/** Finds the expressions in a text, also where a line break within a paragraph or comment divides them. */
export function hitsIn(file: string, text: string, firstLine = 1): Hit[] {
  const starts: number[] = []
  let joined = ''
  for (const line of text.split('\n')) {
    starts.push(joined.length)
    joined += `${line.replace(/^\s*(?:\/\*\*?|\*\/?|\/\/|#+|>)?\s*/, '')} `
  }
  return [...joined.matchAll(pattern)].map(({ 0: found, index }) => {
    const expression = found.toLowerCase()
    return {
      file,
      line: firstLine + starts.findLastIndex((start) => start <= index),
      expression,
      replacement: replacementOf.get(expression) ?? '',
      excerpt: joined.slice(Math.max(0, index - 30), index + found.length + 30).trim(),
    }
  })
}

const wholeFiles = [
  'src/**/*.ts',
  'docs/**/*.md',
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'scripts/**/*.{ts,md,sh}',
  'bench/**/*.{ts,md,c}',
  'bin/*',
  'packaging/*',
]

const title = /\b(?:test|it|describe|suite)(?:\.\w+)?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1/g

/** The expressions in all texts of the project below `root`; of a test only in its titles. */
export function hitsBelow(root: string): Hit[] {
  const read = (file: string) => readFileSync(join(root, file), 'utf8')
  const hits = globSync(wholeFiles, { cwd: root }).flatMap((file) => hitsIn(file, read(file)))
  const titles = globSync('test/**/*.test.ts', { cwd: root }).flatMap((file) => {
    const text = read(file)
    return [...text.matchAll(title)].flatMap(({ 2: words = '', index }) =>
      hitsIn(file, words, text.slice(0, index).split('\n').length),
    )
  })
  return [...hits, ...titles].sort((left, right) => (placeOf(left) < placeOf(right) ? -1 : 1))
}

const placeOf = ({ file, line }: Hit) => `${file}:${String(line).padStart(6, '0')}`
