import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Script } from 'node:vm'

/** Loads the files of a bundle, each once. */
export interface Loader {
  /** The exports of `NAME.cjs`. */
  load(name: string): unknown
  /** Writes the code cache of every loaded file, including the functions that have run so far. */
  keep(): void
}

/**
 * The first file of a bundle. It loads the others from V8's code cache, which scripts/build.ts writes with `keep`. Node's
 * compile cache does the same, but each user must write it first. Without a cache for this version of Node, or if V8
 * rejects the cache, the source is compiled.
 */
export function createLoader(folder: string): Loader {
  const require = createRequire(`${folder}/hostpush.cjs`)
  const loaded = new Map<string, { readonly script: Script; readonly module: { exports: unknown } }>()

  const cacheOf = (name: string) => `${folder}/${name}.${process.version}-${process.arch}.cache`

  function compile(name: string): Script {
    const filename = `${folder}/${name}.cjs`
    const body = readFileSync(filename, 'utf8')
    return new Script(`(function (module, exports, require, __filename, loadBundled) {${body}\n})`, {
      filename,
      cachedData: readIfAny(cacheOf(name)),
    })
  }

  function load(name: string): unknown {
    const previous = loaded.get(name)
    if (previous !== undefined) return previous.module.exports
    const script = compile(name)
    const module = { exports: {} }
    loaded.set(name, { script, module })
    script.runInThisContext()(module, module.exports, require, `${folder}/${name}.cjs`, load)
    return module.exports
  }

  return {
    load,
    keep() {
      for (const [name, { script }] of loaded) writeFileSync(cacheOf(name), script.createCachedData())
    },
  }
}

function readIfAny(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined // built with another version of Node, or without a cache
  }
}

/** The helper process that reads hardware loads only what it needs. */
const helperWord = 'hardware-helper'

if (import.meta.main) createLoader(import.meta.dirname).load(process.argv[2] === helperWord ? helperWord : 'main')
