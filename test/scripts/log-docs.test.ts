import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allMessages, logDocsText } from '../../scripts/log-docs.ts'
import { lineAt, type Token, tokensOf } from '../../scripts/source-text.ts'
import type { Message } from '../../src/util/log.ts'
import { root } from '../support/servers.ts'

const messages = await allMessages()
const nameOf = ({ component, text }: Message) => `${component}: ${text}`
const namesOf = (wrong: (message: Message) => boolean) => messages.filter(wrong).map(nameOf)

test('docs/logs.md is up to date with the messages', async () => {
  const page = readFileSync(join(root, 'docs/logs.md'), 'utf8')
  assert.ok(page === (await logDocsText()), 'it is out of date: run npm run docs')
})

test('a message is an error exactly when samples are lost or delivery has stopped', () => {
  assert.deepEqual(
    namesOf(({ level, data }) => (level === 'error') !== (data === 'lost' || data === 'stopped')),
    [],
  )
})

test('no two messages of a component have the same text', () => {
  const names = messages.map(nameOf)
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  )
})

test('a text is constant, starts with a capital letter and does not end with a full stop', () => {
  assert.deepEqual(
    namesOf(({ text }) => !/^[A-Z].*[^.]$/.test(text) || text.includes('${')),
    [],
  )
})

test('meaning and action are whole sentences', () => {
  const isSentence = (text: string) => /^(?:[A-Z`/\d]|hostpush |systemd ).*\.$/s.test(text)
  assert.deepEqual(
    namesOf(({ meaning, action }) => !isSentence(meaning) || !isSentence(action)),
    [],
  )
})

test('a messages.ts has no template literal, so that every text can be searched for in the source', () => {
  const files = globSync('src/**/messages.ts', { cwd: root })
  assert.ok(files.length > 0)
  const isTemplate =
    (source: string) =>
    ({ kind, start }: Token) =>
      kind === 'string' && source[start] === '`'
  assert.deepEqual(
    files.filter((file) => {
      const source = readFileSync(join(root, file), 'utf8')
      return tokensOf(source).some(isTemplate(source))
    }),
    [],
  )
})

test('src logs only messages that a messages.ts declares', () => {
  const call =
    /\blog(?:\??\.(?:info|warn|error|debug)\(|\[)|\{[^{}\n]*\b(?:info|warn|error|debug)\b[^{}\n]*\} = [\w.#]*\blog\b|\.ill\(\s*'/g
  const calls = globSync('src/**/*.ts', { cwd: root })
    .filter((file) => file !== 'src/util/log.ts')
    .flatMap((file) => {
      const source = readFileSync(join(root, file), 'utf8')
      return [...source.matchAll(call)].map(({ 0: found, index }) => `${file}:${lineAt(source, index)}: ${found}`)
    })
  assert.deepEqual(calls, [])
})
