const firstBytes = 64 * 1024
/** No character takes more in UTF-8 than this for each of its code units. */
const bytesPerUnit = 3

/** Text as bytes, page after page. Each page is a Buffer of its own: one may still be on its way out. */
export class Writer {
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  /** As much as the last page took, and a little. */
  #enough = firstBytes

  begin(): void {
    this.#bytes = Buffer.allocUnsafe(this.#enough)
    this.#length = 0
  }

  write(text: string): void {
    if (this.#length + text.length * bytesPerUnit > this.#bytes.length) this.#grow(text.length * bytesPerUnit)
    this.#length += this.#bytes.write(text, this.#length)
  }

  end(): Buffer {
    const page = this.#bytes.subarray(0, this.#length)
    this.#enough = this.#length + 4096
    this.#bytes = Buffer.alloc(0)
    return page
  }

  #grow(atLeast: number): void {
    const larger = Buffer.allocUnsafe(this.#bytes.length * 2 + atLeast)
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
