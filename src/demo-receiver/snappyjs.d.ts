declare module 'snappyjs' {
  /** Returns a new array of the argument's type. */
  export function compress<Bytes extends Uint8Array>(uncompressed: Bytes): Bytes
  export function uncompress<Bytes extends Uint8Array>(compressed: Bytes, maxLength?: number): Bytes
}
