/** A repeatable event with one waiting reader. */
export class Notifier {
  #next = Promise.withResolvers<void>()

  /** `wait` after this ignores earlier notifications. */
  reset(): void {
    this.#next = Promise.withResolvers()
  }

  notify(): void {
    this.#next.resolve()
  }

  /** Resolves at the next notification after `reset`. Rejects with the signal's reason when the signal aborts first. */
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
