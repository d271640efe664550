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

export type { ReadFamily, ReadSample } from './grouping.ts'

/** The families with samples, in the order of the text. Throws an Error that starts with `line N: `. */
export function readText(text: string | Uint8Array): ReadFamily[] {
  const families = new Families('replace')
  const [fault] = readLines(textIn(text), textReader(families), 1)
  if (fault !== undefined) throw new Error(fault)
  return families.read()
}

/** Parses one line; throws if it is invalid. */
export type Reader = (line: string, isLast: boolean) => void

/** Parses a text. Returns its errors as `line N: ` and the reason, at most `max`. */
export function readLines(text: string, read: Reader, max: number): string[] {
  const faults: string[] = []
  const lines = text.split('\n')
  for (const [i, line] of lines.entries()) {
    if (faults.length === max) break
    try {
      read(line, i === lines.length - 1)
    } catch (error) {
      faults.push(`line ${i + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return withCarriageReturns(text, faults) ?? faults
}

/** One error for a text with CR LF, in which every line is invalid for a reason that is not visible. */
function withCarriageReturns(text: string, faults: readonly string[]): string[] | undefined {
  const number = text.split('\n').findIndex((line) => line.endsWith('\r')) + 1
  if (number === 0 || faults.length === 0) return undefined
  return [`line ${number}: the line ends in CR LF, but the format requires LF: remove the CR with tr -d '\\r'`]
}

export const textIn = (text: string | Uint8Array) => (typeof text === 'string' ? text : decoded(text))

/** HELP lines may have any encoding; samples must be UTF-8. */
function decoded(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(text)) return text.toString()
  const isBad = (line: string) => !isUtf8(Buffer.from(line, 'latin1')) && !/^[ \t]*#/.test(line)
  const bad = text.toString('latin1').split('\n').findIndex(isBad)
  if (bad >= 0) throw new Error(`line ${bad + 1}: invalid UTF-8`)
  return text.toString()
}

const types = new Set<string>(['counter', 'gauge', 'histogram', 'summary', 'untyped'] satisfies MetricType[])

const isBlank = (line: string) => /^[ \t]*$/.test(line)

export function textReader(families: Families): Reader {
  return (line, isLast) => {
    if (/^[ \t]*#/.test(line)) readComment(line, families)
    else if (!isBlank(line)) families.add(parseSample(line))
    if (isLast && !isBlank(line)) throw new Error('the last line has no line feed')
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
  if (!types.has(type)) throw new Error(`${JSON.stringify(word)} is not a type`)
  return type as MetricType // checked above
}
