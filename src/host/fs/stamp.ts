import type { BigIntStats } from 'node:fs'

/** A file that was modified less than this long ago may change again within the resolution of its times. */
const unsettledMs = 2000

/** Changes when a file is rewritten or replaced. Empty if the file has just been modified: read it again then. */
export function stampOf({ dev, ino, size, mtimeNs, mtimeMs, ctimeNs }: BigIntStats, nowMs: number): string {
  const isUnsettled = Math.abs(nowMs - Number(mtimeMs)) < unsettledMs
  return isUnsettled ? '' : `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
}
