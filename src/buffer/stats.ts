import type { BufferStats, DropReason } from './types.ts'

export const createStats = (): BufferStats => ({
  appendedSnapshots: 0,
  appendedSamples: 0,
  bytes: 0,
  diskErrors: 0,
  corruptRecords: 0,
  dropped: new Map(),
})

export function countDropped({ dropped }: BufferStats, endpoint: string, reason: DropReason, samples: number): void {
  const reasons = dropped.get(endpoint) ?? new Map<DropReason, number>()
  dropped.set(endpoint, reasons.set(reason, (reasons.get(reason) ?? 0) + samples))
}
