import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { textOf } from '../src/metrics/exposition/write.ts'
import { cases } from './support/cases.ts'
import { collectAll } from './support/collect.ts'

/** `npm run test:update -- COLLECTOR` rewrites expected.prom of that collector's cases; the diff is the review. */
const [option, updated] = process.argv.slice(2)
const isUpdate = option === '--update'
const selected = isUpdate ? cases.filter(({ subject }) => subject.name === updated) : cases
if (selected.length === 0) throw new Error(`test/cases/${updated ?? 'COLLECTOR'} has no case`)

for (const { title, subject, given, expected } of selected)
  test(title, async () => {
    const { snapshot, logged } = await collectAll(subject, given)
    const text = textOf(snapshot).replace(/^.*node_scrape_collector_duration_seconds.*\n/gm, '')
    if (isUpdate) writeFileSync(expected, text)
    assert.ok(existsSync(expected), `run: npm run test:update -- ${subject.name}`)
    assert.equal(text, readFileSync(expected, 'utf8'), logged.join('\n'))
  })
