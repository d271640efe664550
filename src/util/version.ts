import { readFileSync } from 'node:fs'

/** What `--version` and the build_info families say. */
export interface Build {
  readonly version: string
  /** The commit, and where it was; `unknown` outside a git checkout and when the source runs as it is. */
  readonly revision: string
  readonly branch: string
}

/** Put in by scripts/build.ts; not there when the source runs as it is. */
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

/** What the program runs on: `x64` and `v26.10.0`, say. */
export const platform = { arch: process.arch, runtime: process.version } as const

/** RFC 9110 section 10.1.5; the specification of remote-write asks for one. */
export const userAgent = `hostpush/${build.version} (linux; ${platform.arch})`
