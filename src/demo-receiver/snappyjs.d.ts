declare module 'snappyjs' {
  /** A result of its own; the same kind of bytes as the argument. */
  export function compress<Bytes extends Uint8Array>(uncompressed: Bytes): Bytes
  export function uncompress<Bytes extends Uint8Array>(compressed: Bytes, maxLength?: number): Bytes
}
