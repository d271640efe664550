/*
 * Draws sentences of the project at random, for a reader who did not write them: log messages, errors, help texts, docs
 * and comments of src, the same number of each.
 *
 *   npm run draw -- --seed=N [--count=60]
 *
 * Prints them numbered, each with its place. The same seed on the same commit draws the same sentences.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { argumentStrings, lineAt, type Token, tokensOf } from './source-text.ts'

export const strata = ['log message', 'error', 'help text', 'documentation', 'comment'] as const
export type Stratum = (typeof strata)[number]

export interface Sentence {
  readonly stratum: Stratum
  readonly file: string
  readonly line: number
  readonly text: string
}

const projectRoot = fileURLToPath(new URL('..', import.meta.url))

/** Generated pages: their sentences are drawn from where they are written. */
const generated = ['docs/logs.md', 'docs/collectors.md']

const errorCall = /(?:new \w*(?:Error|NoData|Unavailable|NoKernel|NotPermitted)|\bproblems\.push|\bcomplain|\bfail)\(/g
const optionCall =
  /\b(?:pattern|boolean|text|number|duration|list|required|objects|gauge|counter|untyped|histogram|summary)\(/g
const helpKey = /\b(?:help|summary|about)(?:: string)?(?:\s*[:=]|\(\))\s*$/
const logKey = /\b(?:text|meaning|action|hint):\s*$/

/** Every sentence of the project below `root`, ordered by stratum and place. */
export function allSentences(root = projectRoot): Sentence[] {
  const docs = globSync(['docs/**/*.md', 'README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'], { cwd: root })
  const sentences = [
    ...globSync('src/**/*.ts', { cwd: root }).flatMap((file) => ofSource(file, readFileSync(join(root, file), 'utf8'))),
    ...docs
      .filter((file) => !generated.includes(file))
      .flatMap((file) => ofPage(file, readFileSync(join(root, file), 'utf8'))),
  ]
  const order = ({ stratum, file, line }: Sentence) => `${strata.indexOf(stratum)} ${file}:${String(line).padStart(6)}`
  return sentences.sort((left, right) => (order(left) < order(right) ? -1 : 1))
}

function ofSource(file: string, source: string): Sentence[] {
  const tokens = tokensOf(source)
  const errors = new Set(argumentStrings(source, tokens, errorCall))
  const helps = new Set(file.startsWith('src/util/') ? [] : argumentStrings(source, tokens, optionCall))
  const isLogFile = file.endsWith('/messages.ts') || file.startsWith('src/hints/')
  const stratumOf = (token: Token): Stratum | undefined => {
    if (token.kind === 'comment') return 'comment'
    const before = source.slice(Math.max(0, token.start - 80), token.start)
    if (errors.has(token)) return 'error'
    if ((isLogFile || before.includes('hint')) && logKey.test(before)) return 'log message'
    return helps.has(token) || helpKey.test(before) ? 'help text' : undefined
  }
  return tokens.flatMap((token) => {
    const stratum = stratumOf(token)
    const line = lineAt(source, token.start)
    return stratum === undefined
      ? []
      : ofText(token.text).map((one) => ({ stratum, file, ...one, line: line + one.line }))
  })
}

/** Sentences of a page without its code, its headings' marks and the rules of its tables. */
function ofPage(file: string, page: string): Sentence[] {
  const withoutCode = page
    .replaceAll(/<!--[\s\S]*?-->|^```[\s\S]*?^```/gm, (code) => code.replaceAll(/[^\n]/g, ''))
    .replaceAll(/^(?: {4}.*|\|[-|: ]+\|)$/gm, '')
  const starts = [...withoutCode.matchAll(/^(?=[^\n])(?:[#|*-]|\d+\.|(?<=\n\n))/gm)].map(({ index }) => index)
  const blocks = [0, ...starts].map((start, i) => ({ start, text: withoutCode.slice(start, starts[i]) }))
  return blocks.flatMap(({ start, text }) =>
    ofText(text.replace(/^(?:#+|[-*]|\d+\.) +/, '')).map((one) => ({
      stratum: 'documentation' as const,
      file,
      ...one,
      line: lineAt(withoutCode, start) + one.line,
    })),
  )
}

// `${…}` of a template is a part of its sentence, with any punctuation in it.
const sentencePattern = /(?:\$\{(?:[^{}]|\{[^{}]*\})*\}|(?![.!?](?:\s|$)|\n\s*\n)[\s\S])+[.!?]*/g

/** The sentences of at least two words, each with the line of the text, from 0, on which it starts. */
function ofText(text: string): { readonly line: number; readonly text: string }[] {
  const found: { line: number; text: string }[] = []
  for (const { 0: raw, index } of text.matchAll(sentencePattern)) {
    const sentence = raw.replaceAll(/\s+/g, ' ').trim()
    const isCode = /^(?:biome-ignore|@|https?:\S+$)/.test(sentence)
    if (isCode || !/[a-z].* .*[a-z]/i.test(sentence)) continue
    const start = index + raw.length - raw.trimStart().length
    found.push({ line: lineAt(text, start) - 1, text: sentence })
  }
  return found
}

/** Draws `count` sentences: the same number of each stratum, fewer where a stratum has not so many. */
export function drawSentences(all: readonly Sentence[], seed: number, count: number): Sentence[] {
  return strata.flatMap((stratum, i) => {
    const share = Math.floor(count / strata.length) + (i < count % strata.length ? 1 : 0)
    const candidates = all.filter((one) => one.stratum === stratum)
    const random = randomNumbers(seed * strata.length + i)
    const drawn: Sentence[] = []
    while (drawn.length < share && candidates.length > 0)
      drawn.push(...candidates.splice(Math.floor(random() * candidates.length), 1))
    return drawn
  })
}

/** Mulberry32: numbers from 0 up to 1 that depend only on the seed. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { help: { type: 'boolean' }, seed: { type: 'string' }, count: { type: 'string', default: '60' } },
  })
  const [seed, count] = [Number(values.seed ?? Number.NaN), Number(values.count)]
  const usage = 'usage: npm run draw -- --seed=N [--count=60]'
  if (values.help === true) console.log(usage)
  else if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(count) || count < 1) {
    console.error(usage)
    process.exitCode = 2
  } else {
    let stratum: Stratum | undefined
    for (const [i, sentence] of drawSentences(allSentences(), seed, count).entries()) {
      if (sentence.stratum !== stratum) console.log(`\n${sentence.stratum}`)
      stratum = sentence.stratum
      console.log(`${String(i + 1).padStart(3)}. ${sentence.file}:${sentence.line}  ${sentence.text}`)
    }
  }
}
