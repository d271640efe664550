import { type Dir, loadReaper, type Reaper } from '../host/index.ts'
import { childrenOf, parseStat } from './process-tree.ts'

/**
 * The first process of a PID namespace (of a container without an init) becomes the parent of each orphan and must
 * wait for it: otherwise the orphan stays as a zombie. Node waits only for processes that it has started.
 */
export class Orphans {
  readonly #self: Dir
  readonly #proc: Dir
  readonly #load: () => Promise<Reaper>
  #reaper: Promise<Reaper | undefined> | undefined
  /** Zombies at the last call. */
  #zombies: ReadonlySet<number> = new Set()

  constructor(proc: Dir, load: () => Promise<Reaper> = loadReaper) {
    this.#proc = proc
    this.#self = proc.at('self')
    this.#load = load
  }

  /**
   * Waits for the children that were zombies at the previous call too. Node has waited for its own children by then. Does
   * nothing if system calls are not available.
   */
  async reap(): Promise<void> {
    const zombies = childrenOf(this.#self).filter((pid) => this.#stateOf(pid) === 'Z')
    const lasting = zombies.filter((pid) => this.#zombies.has(pid))
    this.#zombies = new Set(zombies)
    if (lasting.length === 0) return
    this.#reaper ??= this.#load().catch(() => undefined)
    const reap = await this.#reaper
    if (reap !== undefined) for (const pid of lasting) reap(pid)
  }

  #stateOf(pid: number): string | undefined {
    return parseStat(this.#proc.at(String(pid)).readIfAny('stat') ?? '').state
  }
}
