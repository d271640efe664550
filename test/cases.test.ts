import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, test } from 'node:test'
import { collectors } from '../src/collectors/index.ts'
import { textOf } from '../src/metrics/text.ts'
import { collectAll } from './collect.ts'
import type { Node, Tree } from './tree.ts'

/**
 * A case is a directory `cases/<collector>/<case>/` with the trees `proc`, `sys`, `rootfs` and `udev` that the
 * collector sees, `options.json` if it is told something, and `expected.prom`. UPDATE=1 writes that one anew.
 */
const root = `${import.meta.dirname}/cases`

for (const name of directories(root))
  describe(name, () => {
    const collector = collectors.find((one) => one.name === name)
    for (const title of directories(`${root}/${name}`))
      test(title.replaceAll('-', ' '), async () => {
        assert.ok(collector, `there is no collector ${name}`)
        const at = `${root}/${name}/${title}`
        const { snapshot } = await collectAll(collector, {
          proc: treeOf(`${at}/proc`),
          sys: treeOf(`${at}/sys`),
          rootfs: treeOf(`${at}/rootfs`),
          udev: treeOf(`${at}/udev`),
          options: existsSync(`${at}/options.json`) ? JSON.parse(readFileSync(`${at}/options.json`, 'utf8')) : {},
        })
        const text = textOf(snapshot).replace(/^.*node_scrape_collector_duration_seconds.*\n/gm, '')
        const expected = `${at}/expected.prom`
        if (process.env.UPDATE) writeFileSync(expected, text)
        assert.equal(text, existsSync(expected) ? readFileSync(expected, 'utf8') : 'UPDATE=1 has not been run')
      })
  })

function directories(at: string): string[] {
  const entries = readdirSync(at, { withFileTypes: true })
  return entries
    .filter((one) => one.isDirectory())
    .map(({ name }) => name)
    .sort()
}

/** Everything below a directory that git keeps: files and links. */
function treeOf(at: string): Tree {
  if (!existsSync(at)) return {}
  const nodes = readdirSync(at, { recursive: true, withFileTypes: true }).flatMap((one): [string, Node][] => {
    const path = `${one.parentPath}/${one.name}`
    if (one.isDirectory()) return []
    return [[relative(at, path), one.isSymbolicLink() ? { link: readlinkSync(path) } : readFileSync(path)]]
  })
  return Object.fromEntries(nodes)
}
