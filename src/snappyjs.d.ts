declare module 'snappyjs' {
  /** A result of its own; the same kind of bytes as the argument. */
  export function compress<Bytes extends Uint8Array>(uncompressed: Bytes): Bytes
  export function uncompress<Bytes extends Uint8Array>(compressed: Bytes, maxLength?: number): Bytes
}

declare module 'snappyjs/snappy_compressor' {
  export class SnappyCompressor {
    constructor(uncompressed: Uint8Array)
    maxCompressedLength(): number
    /** Writes into `target`, which holds at least `maxCompressedLength` bytes; says how many it wrote. */
    compressToBuffer(target: Uint8Array): number
  }
}
