import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { relative } from 'node:path'
import { type Collector, collector } from '../../src/collector.ts'
import { collectors } from '../../src/collectors/index.ts'
import type { Given } from './collect.ts'
import type { Node, Tree } from './tree.ts'

/**
 * A case is a directory `cases/<collector>/<case>/` with the trees `proc`, `sys`, `rootfs`, `udev` and `elsewhere` (what
 * is at absolute paths) that the collector sees, `options.json` if it is told something, and `expected.prom`.
 */
export interface Case {
  readonly title: string
  readonly subject: Collector
  readonly given: Given
  /** The path of expected.prom. */
  readonly expected: string
}

const root = `${import.meta.dirname}/../cases`

export const cases: readonly Case[] = directories(root).flatMap((name) =>
  directories(`${root}/${name}`).map((one) => ({
    title: `${name}: ${one.replaceAll('-', ' ')}`,
    subject: collectors.find((each) => each.name === name) ?? missing(name),
    given: givenAt(`${root}/${name}/${one}`),
    expected: `${root}/${name}/${one}/expected.prom`,
  })),
)

function missing(name: string): Collector {
  return collector({
    name,
    about: 'Fails.',
    collect() {
      throw new Error('there is no such collector')
    },
  })
}

function givenAt(at: string): Given {
  const options = `${at}/options.json`
  return {
    proc: treeOf(`${at}/proc`),
    sys: treeOf(`${at}/sys`),
    rootfs: treeOf(`${at}/rootfs`),
    udev: treeOf(`${at}/udev`),
    elsewhere: treeOf(`${at}/elsewhere`),
    options: existsSync(options) ? JSON.parse(readFileSync(options, 'utf8')) : {},
  }
}

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
