declare module 'snappyjs/snappy_compressor.js' {
  export class SnappyCompressor {
    constructor(uncompressed: Uint8Array)
    maxCompressedLength(): number
    /** Returns the number of bytes written. */
    compressToBuffer(output: Uint8Array): number
  }
}
