import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Script } from 'node:vm'

/** Runs the files of a bundle, each once. */
export interface Loader {
  /** What `NAME.cjs` exports. */
  load(name: string): unknown
  /** Writes the code cache of every file that was loaded, with the functions that have run by now. */
  keep(): void
}

/**
 * The first file of a bundle: runs the others from V8's code cache, which scripts/build.ts has made with `keep`. Node's
 * own compile cache would do it too, but has to be written first, by each user. A cache of another version of Node is
 * not looked at, one that V8 refuses is not used: either way the source is compiled.
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
    const known = loaded.get(name)
    if (known !== undefined) return known.module.exports
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
    return undefined // another version of Node than at the build, or none was made
  }
}

if (import.meta.main) createLoader(import.meta.dirname).load('main')
