/** Something that one waits for and another announces; it may come again and again. */
export class Notifier {
  #next = Promise.withResolvers<void>()

  /** What comes from here on is waited for. */
  reset(): void {
    this.#next = Promise.withResolvers()
  }

  notify(): void {
    this.#next.resolve()
  }

  /** Until it has come; rejects with the signal's reason when that aborts first. */
  async wait(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>()
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      await Promise.race([this.#next.promise, promise])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
