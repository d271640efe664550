import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Collector, collector } from '../../src/collector.ts'
import { collectors } from '../../src/collectors/index.ts'
import type { Given } from './collect.ts'
import type { Node, Tree } from './tree.ts'

/**
 * A case is a directory `cases/<collector>/<case>/`. It contains the trees that the collector reads (`proc`, `sys`, `rootfs`,
 * `udev`, and `elsewhere` for absolute paths), `options.json` with the collector's options if it needs any, and
 * `expected.prom`.
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

/** The files and symbolic links below a directory; links are not followed, as `recursive` of readdirSync would. */
function treeOf(root: string, path = ''): Tree {
  if (!existsSync(root)) return {}
  const nodes = readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry): [string, Node][] => {
    const below = join(path, entry.name)
    if (entry.isDirectory()) return Object.entries(treeOf(root, below))
    const file = join(root, below)
    return [[below, entry.isSymbolicLink() ? { link: readlinkSync(file) } : readFileSync(file)]]
  })
  return Object.fromEntries(nodes)
}
