import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { collectorDocsText } from '../../scripts/collector-docs.ts'
import { collectors } from '../../src/collectors/index.ts'
import { collectorFlags } from '../../src/config/sections/collectors.ts'
import { root } from '../support/servers.ts'

const text = collectorDocsText()

test('docs/collectors.md is up to date with the collectors', () => {
  assert.ok(readFileSync(join(root, 'docs/collectors.md'), 'utf8') === text, 'it is out of date: run npm run docs')
})

test('every collector has a description of at least one sentence, and the page has it', () => {
  for (const { name, about } of collectors) {
    assert.match(about, /^[A-Z].*\.$/, name)
    assert.ok(text.includes(`## ${name}\n\n${about} `), name)
  }
})

test('the page counts the collectors that are registered', () => {
  assert.match(text, new RegExp(`lists the ${collectors.length} collectors`))
})

test('every flag that is not hidden is on the page, with the metrics of each collector', () => {
  for (const { name, kind, hidden } of collectorFlags(collectors))
    if (!hidden && name.split('.').length > 2)
      assert.ok(text.includes(`\`--${kind === 'switch' ? '[no-]' : ''}${name}\``), name)
  for (const section of text.split('\n## ').slice(1)) assert.match(section, /\nMetrics: `node_/)
})

test('a pattern with a vertical bar does not add a column to its row', () => {
  for (const row of text.split('\n').filter((line) => line.startsWith('| `--')))
    assert.equal(row.replaceAll('\\|', '').split('|').length, 6, row)
})
