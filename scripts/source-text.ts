/** A comment or a string literal of a TypeScript file, without its delimiters. */
export interface Token {
  readonly kind: 'comment' | 'string'
  readonly text: string
  /** Offsets in the source of the delimiters. */
  readonly start: number
  readonly end: number
}

// Regular expressions are recognised so that a quote in one does not start a string: after these characters a slash
// cannot be a division.
const token =
  /\/\*(?<block>[\s\S]*?)\*\/|\/\/(?<line>[^\n]*)|'(?<single>(?:\\.|[^'\\\n])*)'|"(?<double>(?:\\.|[^"\\\n])*)"|`(?<template>(?:\\.|\$\{(?:[^{}`]|\{[^{}]*\}|`(?:\\.|[^`\\])*`)*\}|[^`\\])*)`|(?<=(?:[(,=:[!&|?{};>]|return)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g

/** The comments and string literals of a TypeScript source in their order. Consecutive `//` lines are one comment. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  for (const { 0: all, index: start, groups = {} } of source.matchAll(token)) {
    const end = start + all.length
    const previous = tokens.at(-1)
    if (groups.line !== undefined) {
      const continues =
        previous?.kind === 'comment' &&
        source.startsWith('//', previous.start) &&
        /^\n[ \t]*$/.test(source.slice(previous.end, start))
      const text = continues ? `${previous.text}\n${groups.line}` : groups.line
      if (continues) tokens.pop()
      tokens.push({ kind: 'comment', text, start: continues ? previous.start : start, end })
    } else if (groups.block !== undefined) {
      tokens.push({ kind: 'comment', text: groups.block.replaceAll(/^[ \t]*\*+/gm, ''), start, end })
    } else {
      const text = groups.single ?? groups.double ?? groups.template
      if (text !== undefined) tokens.push({ kind: 'string', text: text.replaceAll(/\\(['"`])/g, '$1'), start, end })
    }
  }
  return tokens
}

/** The strings among the arguments of each call that `callee` matches; `callee` ends with the opening parenthesis. */
export function argumentStrings(source: string, tokens: readonly Token[], callee: RegExp): Token[] {
  const isInToken = (at: number) => tokens.some(({ start, end }) => start <= at && at < end)
  const found = new Set<Token>()
  for (const { 0: all, index } of source.matchAll(callee)) {
    if (isInToken(index)) continue
    const open = index + all.length
    const close = closingParenthesis(source, tokens, open)
    for (const one of tokens) if (one.kind === 'string' && open <= one.start && one.end <= close) found.add(one)
  }
  return [...found]
}

function closingParenthesis(source: string, tokens: readonly Token[], open: number): number {
  const ends = new Map(tokens.map(({ start, end }) => [start, end]))
  let depth = 1
  for (let at = open; at < source.length; ) {
    const end = ends.get(at)
    if (end === undefined) {
      if (source[at] === '(') depth++
      else if (source[at] === ')' && --depth === 0) return at
      at++
    } else at = end
  }
  return source.length
}

/** The line, from 1, of an offset in a text. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length
