import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { textOf } from '../src/metrics/exposition/write.ts'
import { cases } from './support/cases.ts'
import { collectAll } from './support/collect.ts'

/** UPDATE=1 writes every expected.prom anew; the diff is the review. */
for (const { title, subject, given, expected } of cases)
  test(title, async () => {
    const { snapshot, logged } = await collectAll(subject, given)
    const text = textOf(snapshot).replace(/^.*node_scrape_collector_duration_seconds.*\n/gm, '')
    if (process.env.UPDATE) writeFileSync(expected, text)
    assert.ok(existsSync(expected), 'UPDATE=1 has not been run')
    assert.equal(text, readFileSync(expected, 'utf8'), logged.join('\n'))
  })
