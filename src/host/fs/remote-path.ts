import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { posix } from 'node:path'
import { parseMountinfo, remoteMountpoints } from '../parse/mounts.ts'

/** Maximum number of links in a path, as in the kernel. */
const maxLinks = 40

/** Whether a path leads to a file system with a server or a daemon. */
export type IsRemote = (path: string) => boolean

/**
 * Finds out whether a path leads to a file system with a server or a daemon, such as NFS or FUSE. System calls there may
 * wait without end. It makes no system call there itself: it resolves links one by one.
 */
export class RemotePaths {
  readonly #mountinfo: string
  #text = ''
  #mountpoints: ReadonlySet<string> = new Set()

  constructor(mountinfo = '/proc/self/mountinfo') {
    this.#mountinfo = mountinfo
  }

  /** The check for the present mounts. */
  now(): IsRemote {
    const mountpoints = this.#remoteMountpoints()
    return mountpoints.size === 0 ? () => false : (path) => leadsTo(mountpoints, posix.resolve(path))
  }

  #remoteMountpoints(): ReadonlySet<string> {
    try {
      const text = readFileSync(this.#mountinfo, 'utf8')
      if (text === this.#text) return this.#mountpoints
      const mounted = [...remoteMountpoints(parseMountinfo(text))].map(unescaped)
      this.#mountpoints = new Set(mounted.filter((path) => path !== '/')) // hostpush itself is on the root file system
      this.#text = text
    } catch {
      this.#mountpoints = new Set() // without /proc nothing is known about mounts
      this.#text = ''
    }
    return this.#mountpoints
  }
}

const unescaped = (text: string): string =>
  text.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

function leadsTo(mountpoints: ReadonlySet<string>, path: string): boolean {
  let elements = path.split('/').filter((element) => element !== '')
  let links = 0
  for (let i = 1; i <= elements.length; i++) {
    const prefix = `/${elements.slice(0, i).join('/')}`
    if (mountpoints.has(prefix)) return true
    const target = linkTarget(prefix)
    if (target === 'missing') return false
    if (target === undefined) continue
    links++
    if (links > maxLinks) return false // open(2) fails with ELOOP
    const resolved = posix.resolve(posix.dirname(prefix), target, ...elements.slice(i))
    elements = resolved.split('/').filter((element) => element !== '')
    i = 0
  }
  return false
}

/** Undefined if the path is not a link. */
function linkTarget(path: string): string | 'missing' | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined
  } catch {
    return 'missing' // or not accessible: open(2) reports it
  }
}
