import type { File, FileSystem, Mode } from '../../src/buffer/disk/filesystem.ts'

interface Inode {
  bytes: Buffer
  /** Content after a power loss, without pending writes. */
  safe: Buffer
  pending: { readonly at: number; readonly bytes: Buffer }[]
  links: number
}

type Operation = 'open' | 'read' | 'write' | 'datasync' | 'truncate' | 'rename' | 'remove' | 'list' | 'makeDirectory'

/** A disk in memory that tracks synced data and simulates errors and power losses. */
export class SimulatedDisk implements FileSystem {
  names = new Map<string, Inode>()
  /** Names after a power loss. */
  #safeNames = new Map<string, Inode>()
  /** Called for each operation. Returns the error code with which it fails, or undefined. */
  fault: (operation: Operation, path: string) => string | undefined = () => undefined
  free = 1e12
  syncs = 0
  /** Number of open descriptors. */
  unclosed = 0

  async makeDirectory(path: string) {
    this.#check('makeDirectory', path)
  }

  async list(path: string) {
    this.#check('list', path)
    return [...this.names.keys()].flatMap((name) =>
      name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes('/') ? [name.slice(path.length + 1)] : [],
    )
  }

  async open(path: string, mode: Mode): Promise<File> {
    this.#check('open', path)
    let inode = this.names.get(path)
    if (inode === undefined) {
      if (mode === 'read') throw errorOf('ENOENT', path)
      inode = { bytes: Buffer.alloc(0), safe: Buffer.alloc(0), pending: [], links: 1 }
      this.names.set(path, inode)
    } else if (mode === 'claim') {
      throw errorOf('EEXIST', path)
    } else if (mode === 'create') {
      inode.bytes = inode.safe = Buffer.alloc(0)
      inode.pending = []
    }
    this.unclosed++
    return this.#fileOf(path, inode)
  }

  async rename(from: string, to: string) {
    this.#check('rename', from)
    const moved = [...this.names].filter(([name]) => name === from || name.startsWith(`${from}/`))
    if (moved.length === 0) throw errorOf('ENOENT', from)
    for (const [name, inode] of moved) {
      this.names.delete(name)
      this.names.set(to + name.slice(from.length), inode)
    }
  }

  async remove(path: string) {
    this.#check('remove', path)
    const inode = this.names.get(path)
    if (inode) inode.links--
    this.names.delete(path)
  }

  async syncDirectory(path: string) {
    for (const name of new Set([...this.names.keys(), ...this.#safeNames.keys()])) {
      if (name.slice(0, name.lastIndexOf('/')) !== path) continue
      const inode = this.names.get(name)
      if (inode) this.#safeNames.set(name, inode)
      else this.#safeNames.delete(name)
    }
  }

  async freeBytes() {
    return this.free
  }

  /** Removes all names, like `rm -r`. */
  removeAll() {
    for (const inode of this.names.values()) inode.links = 0
    this.names.clear()
  }

  bytesOf(path: string): Buffer {
    return this.names.get(path)?.bytes ?? Buffer.alloc(0)
  }

  put(path: string, bytes: Buffer) {
    const inode = { bytes, safe: Buffer.from(bytes), pending: [], links: 1 }
    this.names.set(path, inode)
    this.#safeNames.set(path, inode)
  }

  pathsIn(path: string): string[] {
    return [...this.names.keys()].filter((name) => name.startsWith(`${path}/`)).sort()
  }

  /** The disk after a kill: all written data. */
  afterKill(): SimulatedDisk {
    const next = new SimulatedDisk()
    for (const [name, { bytes }] of this.names) next.put(name, Buffer.from(bytes))
    return next
  }

  /**
   * The disk after a power loss: each unsynced write is complete, missing or torn; each unsynced name exists or not.
   */
  afterPowerLoss(random: () => number): SimulatedDisk {
    const next = new SimulatedDisk()
    for (const name of new Set([...this.names.keys(), ...this.#safeNames.keys()])) {
      const [visible, safe] = [this.names.get(name), this.#safeNames.get(name)]
      const inode = visible === safe || random() < 0.5 ? visible : safe
      if (inode === undefined) continue
      let bytes = inode.safe
      for (const { at, bytes: piece } of inode.pending) bytes = written(bytes, at, part(piece, random), random)
      next.put(name, Buffer.from(bytes))
    }
    return next
  }

  #fileOf(path: string, inode: Inode): File {
    return {
      read: async (position, length) => {
        this.#check('read', path)
        return Buffer.from(inode.bytes.subarray(position, position + length))
      },
      write: async (bytes, position) => {
        this.#check('write', path)
        if (bytes.length > this.free) {
          const torn = bytes.subarray(0, this.free)
          inode.bytes = written(inode.bytes, position, torn)
          this.free = 0
          throw errorOf('ENOSPC', path)
        }
        inode.pending.push({ at: position, bytes: Buffer.from(bytes) })
        inode.bytes = written(inode.bytes, position, bytes)
      },
      datasync: async () => {
        this.#check('datasync', path)
        this.syncs++
        inode.safe = Buffer.from(inode.bytes)
        inode.pending = []
      },
      truncate: async (length) => {
        this.#check('truncate', path)
        inode.bytes = Buffer.from(inode.bytes.subarray(0, length))
        inode.safe = Buffer.from(inode.safe.subarray(0, length))
      },
      status: async () => ({ size: inode.bytes.length, isLinked: inode.links > 0 }),
      close: async () => {
        this.unclosed--
      },
    }
  }

  #check(operation: Operation, path: string) {
    const code = this.fault(operation, path)
    if (code !== undefined) throw errorOf(code, path)
  }
}

function errorOf(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

function written(bytes: Buffer, at: number, piece: Buffer, random?: () => number): Buffer {
  if (piece.length === 0 && random) return bytes
  const next = Buffer.alloc(Math.max(bytes.length, at + piece.length))
  bytes.copy(next)
  piece.copy(next, at)
  return next
}

/** The part of a write that survives a power loss: all, nothing, or its beginning. */
function part(piece: Buffer, random: () => number): Buffer {
  const kind = random()
  if (kind < 0.4) return piece
  return kind < 0.7 ? piece.subarray(0, 0) : piece.subarray(0, Math.floor(random() * piece.length))
}
