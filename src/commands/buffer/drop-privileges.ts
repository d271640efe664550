import { stat } from 'node:fs/promises'
import { messageOf } from '../../util/log.ts'

/**
 * Where root works in a directory that is another user's, it does so as that user: what is made there is its owner's, who
 * could not use root's.
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
      `buffer: ${directory} belongs to user ${uid}, and root cannot act as that one here: ${messageOf(error)}`,
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
