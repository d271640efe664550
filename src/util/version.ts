import { readFileSync } from 'node:fs'

/** Build information for `--version` and the build_info families. */
export interface Build {
  readonly version: string
  /** Commit and branch; `unknown` outside a git checkout and when the source runs without a build. */
  readonly revision: string
  readonly branch: string
}

/** Defined by scripts/build.ts; undefined when the source runs without a build. */
declare const HOSTPUSH_BUILD: Build | undefined

/** The folder of package.json and proto/: one above dist/ in the bundle, two above this file in the source. */
export const packageRoot = new URL(typeof HOSTPUSH_BUILD === 'undefined' ? '../../' : '../', import.meta.url)

export const build: Build =
  typeof HOSTPUSH_BUILD === 'undefined'
    ? { version: packageVersion(), revision: 'unknown', branch: 'unknown' }
    : HOSTPUSH_BUILD

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { version: string }
  return version
}

/** Processor and version of Node, for example `x64` and `v26.10.0`. */
export const platform = { arch: process.arch, runtime: process.version } as const

/** RFC 9110 section 10.1.5. The remote-write specification requires this header. */
export const userAgent = `hostpush/${build.version} (linux; ${platform.arch})`
