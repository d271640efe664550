import type { Cursor } from '../buffer/types.ts'
import type { Gateway } from '../pushgateway/index.ts'

/**
 * Sets aside what a gateway would not have of a command's last snapshot; to be called once, at the end. An agent does not:
 * the next snapshot holds the same metrics, and one file for each would only push out what others have set aside.
 */
export async function saveRejectedByGateway(cursor: Cursor, { rejection }: Gateway, sequence: number): Promise<void> {
  if (rejection === undefined) return
  const { reason, snapshot, series } = rejection
  cursor.drop('rejected', series.size)
  await cursor.saveDeadLetter({ reason, entries: [{ sequence, snapshot }], series })
}
