import { stat } from 'node:fs/promises'
import { messageOf } from '../../util/log.ts'

/**
 * If root works in a directory of another user, the effective user changes to the owner for that time: the owner could
 * not use files of root.
 */
export async function runAsOwner<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const [user, group] = [process.geteuid?.(), process.getegid?.()]
  const { uid, gid } = await stat(directory)
  if (user !== 0 || group === undefined || uid === user) return await work()
  try {
    process.setegid?.(gid)
    process.seteuid?.(uid)
  } catch (error) {
    process.setegid?.(group)
    throw new Error(
      `buffer: ${directory} belongs to user ${uid}, and root cannot switch to that user: ${messageOf(error)}`,
      { cause: error },
    )
  }
  try {
    return await work()
  } finally {
    process.seteuid?.(user)
    process.setegid?.(group)
  }
}
