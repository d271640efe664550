import { SnappyCompressor } from 'snappyjs/snappy_compressor.js'

/** Makes a function that compresses to the snappy block format. What it gives is overwritten by its next call. */
export function createSnappy(): (bytes: Uint8Array) => Uint8Array {
  let output: Uint8Array = Buffer.allocUnsafeSlow(4096)
  return (bytes) => {
    const compressor = new SnappyCompressor(bytes)
    const most = compressor.maxCompressedLength()
    if (output.length < most) output = Buffer.allocUnsafeSlow(most * 2)
    return output.subarray(0, compressor.compressToBuffer(output))
  }
}
