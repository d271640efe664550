/*
 * Parses the text exposition format 0.0.4 as strictly as node_exporter does: one error rejects the whole text.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 *
 * Histograms and summaries are normalized: a missing `_sum`, `_count` or `+Inf` bucket is added, bounds are formatted as
 * Go prints them, and of two samples with the same bound the last one wins. Metric and label names must follow the classic
 * data model, but may be quoted.
 */
import { isUtf8 } from 'node:buffer'
import type { MetricType } from '../family.ts'
import { Families, type ReadFamily } from './grouping.ts'
import { metricName, parseSample, unescaped } from './line.ts'
import { fault, faultText, quote } from './text-fault.ts'
import { emptySize, maxLineBytes, TextLimitError, type TextLimits, type TextSize, textLimits } from './text-limits.ts'

export type { ReadFamily, ReadSample } from './grouping.ts'

/** The families of a text and what it contains. */
export interface TextContent extends TextSize {
  readonly families: readonly ReadFamily[]
}

export interface ReadOptions extends TextLimits {
  /** Maximum number of characters of the text in each part of an error message. */
  readonly maxQuoted?: number
}

/** The families with samples, in the order of the text. Throws an Error that starts with `line N: `. */
export const readText = (text: string | Uint8Array): readonly ReadFamily[] => readTextWithin(text, textLimits).families

/** As `readText`, with limits. `size` counts what was read, also before an error. */
export function readTextWithin(
  text: string | Uint8Array,
  options: ReadOptions,
  size: TextSize = emptySize(),
): TextContent {
  const families = new Families('replace', options)
  const [found] = readLines(bytesOf(text), textReader(families), { families, maxFaults: 1, ...options })
  Object.assign(size, families.size)
  if (found !== undefined) throw new Error(found)
  return { ...families.size, families: families.read() }
}

/** Parses one line; throws if it is invalid. */
export type Reader = (line: string, isLast: boolean) => void

interface LineOptions {
  readonly families: Pick<Families, 'countLine'>
  /** Stops after this many errors. */
  readonly maxFaults: number
  readonly maxQuoted?: number
}

/** Parses a text. Returns its errors as `line N: ` and the reason. Ends at the first limit that the text exceeds. */
export function readLines(bytes: Buffer, read: Reader, { families, maxFaults, maxQuoted }: LineOptions): string[] {
  const faults: string[] = []
  const isValid = isUtf8(bytes)
  for (let from = 0, number = 1; faults.length < maxFaults; number++) {
    const end = bytes.indexOf(lineFeed, from)
    const isLast = end < 0
    try {
      families.countLine()
      read(lineAt(bytes, from, isLast ? bytes.length : end, isValid), isLast)
    } catch (error) {
      faults.push(`line ${number}: ${faultText(error, maxQuoted)}`)
      if (error instanceof TextLimitError) break
    }
    if (isLast) break
    from = end + 1
  }
  return faults
}

const lineFeed = 0x0a

/** One line as a separate text: a part of the whole text would keep all of it in memory. */
function lineAt(bytes: Buffer, from: number, to: number, isValid: boolean): string {
  if (to - from > maxLineBytes) throw fault`longer than ${maxLineBytes} bytes`
  const line = bytes.toString('utf8', from, to)
  // HELP lines may have any encoding; samples must be UTF-8
  if (!isValid && !isComment(line) && !isUtf8(bytes.subarray(from, to))) throw fault`invalid UTF-8`
  return line
}

export const bytesOf = (text: string | Uint8Array): Buffer =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.from(text.buffer, text.byteOffset, text.byteLength)

const isComment = (line: string) => /^[ \t]*#/.test(line)

const types = new Set<string>(['counter', 'gauge', 'histogram', 'summary', 'untyped'] satisfies MetricType[])

const isBlank = (line: string) => /^[ \t]*$/.test(line)

export function textReader(families: Families): Reader {
  return (line, isLast) => {
    if (isComment(line)) readComment(line, families)
    else if (!isBlank(line)) families.add(parseSample(line))
    if (isLast && !isBlank(line)) throw fault`the last line has no line feed`
  }
}

/** `# HELP name text` and `# TYPE name word`; other comments are ignored. */
function readComment(line: string, families: Families): void {
  const [, keyword, quoted, bare = '', rest = ''] =
    /^[ \t]*#[ \t]*(HELP|TYPE)[ \t]+(?:"((?:[^"\\]|\\.)*)"|([^ \t]+))(?:[ \t]+(.*))?$/s.exec(line) ?? []
  if (keyword === undefined) return
  const name = metricName(quoted === undefined ? bare : unescaped(quoted))
  if (rest === '') return
  if (keyword === 'HELP') families.help(name, unescaped(rest))
  else families.type(name, typeOf(rest))
}

function typeOf(word: string): MetricType {
  const type = word.toLowerCase()
  if (!types.has(type)) throw fault`${quote(word)} is not a type`
  return type as MetricType // checked above
}
