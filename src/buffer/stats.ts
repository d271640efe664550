import type { BufferStats } from './buffer.ts'

export const noStats = (): BufferStats => ({
  appendedSnapshots: 0,
  appendedSamples: 0,
  bytes: 0,
  diskErrors: 0,
  damagedRecords: 0,
  dropped: new Map(),
})
