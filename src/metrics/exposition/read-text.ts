/*
 * Reads the text exposition format 0.0.4 as strictly as node_exporter does: one fault refuses the whole text.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 *
 * Histograms and summaries are put together from their series and taken apart again: what is missing of `_sum`,
 * `_count` and the `+Inf` bucket is added, bounds are written as Go prints them, and of two samples of one bound the
 * last one counts. Metric and label names are those of the classic data model, though they may stand in quotes.
 */
import { isUtf8 } from 'node:buffer'
import type { MetricType } from '../family.ts'
import { Families, type ReadFamily } from './grouping.ts'
import { metricName, parseSample, unescaped } from './line.ts'

export type { ReadFamily, ReadSample } from './grouping.ts'

/** The families of a text that have samples, in its order. Throws an Error that begins with `line N: `. */
export function readText(text: string | Uint8Array): ReadFamily[] {
  const families = new Families('replace')
  const [fault] = readLines(textIn(text), textReader(families), 1)
  if (fault !== undefined) throw new Error(fault)
  return families.read()
}

/** Takes a line; throws where it is at fault. */
export type Reader = (line: string, isLast: boolean) => void

/** The faults of a text, `line N: ` and the reason, up to so many. */
export function readLines(text: string, read: Reader, most: number): string[] {
  const faults: string[] = []
  const lines = text.split('\n')
  for (const [i, line] of lines.entries()) {
    if (faults.length === most) break
    try {
      read(line, i === lines.length - 1)
    } catch (error) {
      faults.push(`line ${i + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return faults
}

export const textIn = (text: string | Uint8Array) => (typeof text === 'string' ? text : decoded(text))

/** A help may be in any encoding; a sample must be UTF-8. */
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

/** `# HELP name text` and `# TYPE name word`; any other comment says nothing. */
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
  return type as MetricType // it is one of them
}
