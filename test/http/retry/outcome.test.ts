import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outcomeOf, retryAfterMs } from '../../../src/http/retry/outcome.ts'

const nowMs = 1_700_000_000_000
const kinds: Readonly<Record<string, readonly number[]>> = {
  delivered: [200, 202, 204, 299],
  retry: [301, 307, 308, 401, 403, 404, 407, 408, 429, 500, 501, 505, 529, 599, 600, 999],
  rejected: [400, 402, 405, 409, 413, 415, 422, 451],
  uncertain: [502, 503, 504],
}
for (const [kind, statuses] of Object.entries(kinds)) {
  test(`the outcome of ${statuses.join(', ')} is ${kind}`, () => {
    for (const status of statuses) assert.equal(outcomeOf({ status, headers: {}, body: '' }, nowMs).kind, kind)
  })
}

test("an operator's error is retried once a minute", () => {
  for (const status of [401, 403, 404, 407]) {
    assert.deepEqual(outcomeOf({ status, headers: {}, body: 'no\nreally' }, nowMs), {
      kind: 'retry',
      reason: `HTTP ${status}: no`,
      status,
      afterMs: 60_000,
    })
  }
})

test('Retry-After is seconds or a date, capped; an invalid value is ignored', () => {
  assert.equal(retryAfterMs('7', nowMs), 7000)
  assert.equal(retryAfterMs('0', nowMs), 0)
  assert.equal(retryAfterMs(new Date(nowMs + 9000).toUTCString(), nowMs), 9000)
  assert.equal(retryAfterMs('86400', nowMs), 300_000)
  for (const garbage of [undefined, '', '-5', 'soon', '1e3', new Date(nowMs - 9000).toUTCString()]) {
    assert.equal(retryAfterMs(garbage, nowMs), undefined)
  }
  const outcome = outcomeOf({ status: 429, headers: { 'retry-after': '7' }, body: '' }, nowMs)
  assert.deepEqual(outcome, { kind: 'retry', reason: 'HTTP 429', status: 429, afterMs: 7000 })
})

test('the reason of a redirect names its target without possible secrets', () => {
  const { reason } = outcomeOf(
    { status: 302, headers: { location: 'https://me:pw@x/login?token=abc' }, body: '' },
    nowMs,
  ) as { reason: string }
  assert.equal(reason, 'HTTP 302 to https://x/login: not the answer of a receiver')
})

test('the reason is the title of a page or the first line of a text, truncated', () => {
  const reasonOf = (body: string, headers: Record<string, string> = {}) =>
    (outcomeOf({ status: 413, headers, body }, nowMs) as { reason: string }).reason
  const html = { 'content-type': 'text/html' }
  const page = '<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body></body></html>\r\n'
  assert.equal(reasonOf(page, html), 'HTTP 413: 413 Request Entity Too Large')
  assert.equal(reasonOf('<html><body>no</body></html>', html), 'HTTP 413')
  assert.equal(reasonOf('too much\r\nreally'), 'HTTP 413: too much')
  assert.equal(reasonOf('\x1b[31mtoo\tmuch\x00\x1b]0;x\x07'), 'HTTP 413: \uFFFD[31mtoo\tmuch\uFFFD]0;x\uFFFD')
  assert.equal(reasonOf('no \u202eexe.txt\u2066'), 'HTTP 413: no \uFFFDexe.txt\uFFFD')
})

test('a web page with status 200 is not a delivery; other bodies of a 2xx are ignored', () => {
  const html = { 'content-type': 'text/html; charset=utf-8' }
  assert.deepEqual(outcomeOf({ status: 200, headers: html, body: '\n<!DOCTYPE html><title>Log in</title>' }, nowMs), {
    kind: 'retry',
    reason: 'HTTP 200: a web page, not the answer of a receiver',
    status: 200,
    afterMs: 60_000,
  })
  for (const [headers, body] of [
    [html, ''],
    [html, 'ok'],
    [{}, '<html>'],
    [{ 'content-type': 'application/json' }, '{"status":"error"}'],
  ] as const)
    assert.equal(outcomeOf({ status: 200, headers, body }, nowMs).kind, 'delivered')
})

test('a receiver of 2.0 reports the number of written samples, with any status', () => {
  const written = (headers: Record<string, string>, status = 204) => {
    const outcome = outcomeOf({ status, headers, body: '' }, nowMs)
    return 'written' in outcome ? outcome.written : undefined
  }
  const of = (kind: string) => `x-prometheus-remote-write-${kind}-written`
  assert.equal(written({}), undefined)
  assert.equal(written({ [of('samples')]: '17', [of('histograms')]: '0' }), 17)
  assert.equal(written({ [of('samples')]: '16' }, 400), 16)
  assert.equal(written({ [of('exemplars')]: '0' }), 0, 'one that is missing among others is none')
  for (const text of ['many', '', '-3', '5.5', '1e3', '0x10', '5, 5'])
    assert.equal(written({ [of('samples')]: text }), 0)
})
