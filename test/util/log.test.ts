import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createLog, type Fields, type Format, type Level, levels, messageOf, Secret } from '../../src/util/log.ts'

/** The lines of a log after one message. */
function written(format: Format, message: string, fields?: Fields, level: Level = 'info'): string {
  let text = ''
  const log = createLog(
    'info',
    format,
    (line) => (text += line),
    () => Date.UTC(2026, 0, 31, 12),
  )
  log[level](message, fields)
  return text
}

test('a line has time, level, message and the defined fields', () => {
  const fields = { plain: 'a/b:c', number: 0.5, text: 'a b', empty: '', unknown: undefined, list: ['a', 1] }
  assert.equal(
    written('logfmt', 'part: it happened', fields),
    'time=2026-01-31T12:00:00.000Z level=INFO msg="part: it happened" plain=a/b:c number=0.5 text="a b" empty="" list="[\\"a\\",1]"\n',
  )
  assert.deepEqual(JSON.parse(written('json', 'part: it happened', fields)), {
    time: '2026-01-31T12:00:00.000Z',
    level: 'INFO',
    msg: 'part: it happened',
    plain: 'a/b:c',
    number: 0.5,
    text: 'a b',
    empty: '',
    list: ['a', 1],
  })
})

test('messages below the level are not written', () => {
  assert.deepEqual(
    levels.map((level) => written('logfmt', 'm', {}, level) !== ''),
    [false, true, true, true],
  )
})

test('both formats escape control characters, line separators and controls of the text direction', () => {
  const hostile = [
    '\u001b[2J',
    '\u009b2J',
    '\u0085',
    '\u2028',
    '\u2029',
    '\u202e',
    '\u2066',
    '\u200f',
    '\u061c',
    '\u007f',
    '\n',
    '\r',
    '\0',
    'a"b',
    'a=b',
    '\\',
  ]
  for (const text of hostile)
    for (const format of ['logfmt', 'json'] as const) {
      const line = written(format, text, { text })
      assert.match(line, /^[\x20-\x7e]+\n$/, JSON.stringify(text))
      const [, value = ''] = /text"?[=:](".*?[^\\]"|"\\\\")\}?\n$/.exec(line) ?? []
      assert.equal(JSON.parse(value), text)
    }
})

test('letters of all scripts are not escaped', () => {
  assert.match(written('logfmt', 'Größe 大きさ', { device: 'größe' }), /msg="Größe 大きさ" device=größe\n$/)
})

test('an error is logged with its causes, each once', () => {
  const cause = new Error('connect: refused')
  assert.equal(messageOf(new Error('cannot send', { cause })), 'cannot send: connect: refused')
  assert.equal(messageOf(new Error('cannot send: connect: refused', { cause })), 'cannot send: connect: refused')
  assert.equal(messageOf('text'), 'text')
  assert.match(written('logfmt', 'm', { err: new Error('a', { cause }) }), /err="a: connect: refused"\n$/)
})

test('no way of printing shows a secret', () => {
  const secret = new Secret('s3cret')
  const shown = [`${secret}`, JSON.stringify({ secret }), inspect({ secret }, { showHidden: true, depth: 9 })]
  for (const text of [...shown, written('json', 'm', { secret }), written('logfmt', 'm', { secret })]) {
    assert.doesNotMatch(text, /s3cret/)
    assert.match(text, /\*\*\*/)
  }
  assert.equal(secret.reveal(), 's3cret')
})
