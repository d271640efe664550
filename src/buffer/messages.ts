import { defineMessages } from '../util/log.ts'

/** The log on disk: segments, directory, retention, stop. */
export const messages = defineMessages('buffer', {
  writeRetrying: {
    level: 'warn',
    text: 'Buffer write failed, retrying in a new segment',
    meaning: 'One write to the current segment failed. hostpush writes the same snapshots to a new segment at once.',
    data: 'kept',
    action: 'None if it happens once. If it repeats, look for disk errors in the log of the kernel.',
  },
  diskFailed: {
    level: 'warn',
    text: 'Buffer disk is not writable, buffering in memory',
    meaning:
      'hostpush keeps new samples in memory, at most 8 MiB, and sends them from there. It tries the disk again after `retry_in`. Undelivered samples are lost if the agent stops before the disk recovers, and the oldest are dropped when the memory is full (reason `disk_failed`).',
    data: 'kept',
    action: 'Follow `hint`: free space, correct the permissions, or repair the disk.',
  },
  diskStillFailing: {
    level: 'debug',
    text: 'Buffer disk is still not writable',
    meaning: 'A later attempt to write failed too.',
    data: 'kept',
    action: 'Do what "Buffer disk is not writable, buffering in memory" says.',
  },
  memoryFull: {
    level: 'error',
    text: 'Buffer memory is full while the disk is not writable, oldest samples dropped',
    meaning:
      'The disk has not accepted the snapshots for so long that they exceed 8 MiB of memory. hostpush drops the oldest undelivered samples (reason `disk_failed`). `samples` is the number of the first ones; further drops until the disk recovers are counted and not logged.',
    data: 'lost',
    action: 'Free space, correct the permissions, or repair the disk.',
  },
  diskRecovered: {
    level: 'info',
    text: 'Buffer disk recovered',
    meaning:
      'hostpush writes snapshots to disk again, including those that were only in memory. `dropped` is the number of undelivered samples that were dropped because the memory was full.',
    data: 'none',
    action: 'None.',
  },
  directoryFailed: {
    level: 'error',
    text: 'Opening the buffer directory failed',
    meaning: 'The backlog on disk is not delivered. New snapshots are buffered in memory and sent from there.',
    data: 'stopped',
    action: 'Follow `hint`, then restart the agent: it delivers the backlog.',
  },
  unsupportedVersion: {
    level: 'error',
    text: 'Buffer has an unsupported format version, buffering in memory',
    meaning:
      'Another version of hostpush wrote the segments in the buffer directory. hostpush changes nothing there and does not deliver them. New snapshots are buffered in memory and lost if the agent stops before they are delivered.',
    data: 'stopped',
    action:
      'Deliver the segments with the version that wrote them, or move the directory away. Then restart the agent.',
  },
  segmentUnreadable: {
    level: 'error',
    text: 'Reading a buffer segment failed, skipped',
    meaning:
      'The segment is missing, or several attempts to read it failed. Its undelivered samples are dropped (reason `corrupt`).',
    data: 'lost',
    action: 'Look for disk errors in the log of the kernel, and replace the disk if there are any.',
  },
  segmentFailedToOpen: {
    level: 'error',
    text: 'Opening a buffer segment failed at the start, skipped',
    meaning: 'The file stays where it is. Its undelivered samples are dropped (reason `corrupt`).',
    data: 'lost',
    action: 'Look at `err`: correct the permissions of the file, or look for disk errors in the log of the kernel.',
  },
  deleteFailed: {
    level: 'warn',
    text: 'Deleting a buffer segment failed',
    meaning: 'A segment that is no longer needed stays on disk. The buffer may become larger than `max_bytes`.',
    data: 'none',
    action: 'Correct the permissions of the buffer directory, or repair the file system, and delete the file.',
  },
  tornWrite: {
    level: 'info',
    text: 'Incomplete last write of the previous agent removed',
    meaning:
      'The previous agent or the host stopped during a write. hostpush truncates the segment after its last complete record. Complete records are not affected.',
    data: 'none',
    action: 'None.',
  },
  truncateFailed: {
    level: 'debug',
    text: 'Removing an incomplete last write failed, ignored',
    meaning: 'The incomplete record stays in the file. Readers stop before it.',
    data: 'none',
    action: 'None.',
  },
  stopTimeout: {
    level: 'error',
    text: 'Buffer write timed out at the stop, unwritten samples are lost',
    meaning:
      'The disk did not finish all writes within 10 s. Samples that were neither written nor delivered are lost.',
    data: 'lost',
    action: 'Look for a slow or failing disk.',
  },
})

/** Bytes that no reader understands, and their copies in `corrupt/`. */
export const corruptionMessages = defineMessages('buffer', {
  corrupt: {
    level: 'error',
    text: 'Corrupt bytes in a buffer segment skipped',
    meaning:
      'A checksum failed in `segment` at offset `at`. hostpush copies the bytes to `corrupt/` and continues with the next readable snapshot. Undelivered samples in the bytes are dropped (reason `corrupt`).',
    data: 'lost',
    action: 'Look for disk or memory errors if it repeats. `hostpush buffer ls` shows how many places are corrupt.',
  },
  copyFailed: {
    level: 'debug',
    text: 'Saving corrupt bytes to corrupt/ failed',
    meaning: 'There is no copy of the corrupt bytes to analyze.',
    data: 'none',
    action: 'None.',
  },
  moveFailed: {
    level: 'debug',
    text: 'Moving a corrupt segment to corrupt/ failed',
    meaning: 'The file stays in the log directory.',
    data: 'none',
    action: 'None.',
  },
})

/** Positions of the endpoints in the log. */
export const cursorMessages = defineMessages('buffer', {
  writeFailed: {
    level: 'warn',
    text: 'Writing the cursor file failed, positions are kept in memory',
    meaning:
      'Delivery continues. If the agent restarts before the disk recovers, it sends samples again that were delivered since.',
    data: 'kept',
    action: 'Free space, correct the permissions, or repair the disk. hostpush writes the file again by itself.',
  },
  recovered: {
    level: 'info',
    text: 'Cursor file recovered',
    meaning: 'hostpush writes the positions of all endpoints to disk again.',
    data: 'none',
    action: 'None.',
  },
  readFailed: {
    level: 'warn',
    text: 'Reading the cursor file failed',
    meaning: 'The position of each endpoint is unknown. Delivery starts with the oldest snapshot of the buffer.',
    data: 'kept',
    action: 'Look at `err`. Receivers reject or ignore the duplicates.',
  },
  uncertain: {
    level: 'warn',
    text: 'Cursor may be stale after a crash, checking for duplicates',
    meaning:
      'Snapshots after the cursor of `endpoint` may have been delivered already. hostpush sends them again, and expects the receiver to reject duplicates.',
    data: 'kept',
    action: 'None.',
  },
  missing: {
    level: 'warn',
    text: 'Cursor is corrupt or missing, starting with the oldest snapshot',
    meaning:
      'The position of `endpoint` is unknown. hostpush sends all snapshots in the buffer, and expects the receiver to reject duplicates.',
    data: 'kept',
    action: 'None.',
  },
  notConfigured: {
    level: 'warn',
    text: 'Buffer has a backlog for an endpoint that is not configured',
    meaning: 'The endpoint was removed or renamed. Its `snapshots` stay in the buffer for `max_age` and then expire.',
    data: 'kept',
    action: 'Configure the endpoint under the same name to deliver them, or drop them with `hostpush buffer drop`.',
  },
})

/** Samples that a receiver rejected. */
export const deadLetterMessages = defineMessages('buffer', {
  saveFailed: {
    level: 'error',
    text: 'Saving a dead letter failed, rejected samples are lost',
    meaning: 'A receiver rejected samples, and hostpush cannot write them to `dead-letters/`.',
    data: 'lost',
    action: 'Free space, correct the permissions, or repair the disk.',
  },
  readFailed: {
    level: 'warn',
    text: 'Reading a dead letter failed, skipped',
    meaning: 'The file at `path` is unreadable. Other dead letters are not affected.',
    data: 'none',
    action: 'Delete it with `hostpush buffer drop --dead-letters`, or correct its permissions.',
  },
})

/** The socket by which one agent owns the directory. */
export const lockMessages = defineMessages('buffer', {
  noSocket: {
    level: 'warn',
    text: 'Opening the lock socket failed, a second agent is not detected',
    meaning:
      'The file system of the buffer does not support Unix sockets, or denies them. `hostpush buffer` cannot talk to the running agent.',
    data: 'none',
    action: 'Use a local file system for `buffer.directory`, and start only one agent on it.',
  },
})
