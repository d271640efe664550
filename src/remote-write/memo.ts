import { crc32 } from 'node:zlib'
import type { Cursor } from '../buffer/index.ts'

/**
 * What hostpush has learned about a receiver and keeps across restarts: one JSON object in the memo of the cursor. Each
 * part has its own keys.
 */
export class EndpointMemo {
  readonly #cursor: Pick<Cursor, 'memo' | 'remember'>
  readonly #url: string

  constructor(cursor: Pick<Cursor, 'memo' | 'remember'>, url: URL) {
    this.#cursor = cursor
    this.#url = url.href
  }

  /** The stored object; empty if another version of hostpush wrote a memo in another format. */
  read(): Readonly<Record<string, unknown>> {
    const { memo } = this.#cursor
    if (memo === '') return {}
    try {
      const parsed: unknown = JSON.parse(memo)
      return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
    } catch {
      return {}
    }
  }

  /** Sets these keys and keeps the others. */
  async write(part: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#cursor.remember(JSON.stringify({ ...this.read(), ...part }))
  }

  /** Identifies the receiver, with `more`. A hash, because a URL can contain a token. */
  key(more = ''): string {
    return crc32(`${this.#url} ${more}`).toString(16)
  }
}
