/** Remedy for files of another user in the buffer directory. `hostpush` run as root makes such files. */
export const foreignRemedy = (directory: string): string =>
  `as root: chown -R ${process.geteuid?.()}:${process.getegid?.()} '${directory}'`

/** Remedy for a buffer directory or disk that failed, by the error message. */
export function diskRemedy(problem: string): string {
  if (/min_free|ENOSPC|EDQUOT/.test(problem))
    return 'free space on the file system, lower buffer.min_free, or set buffer.directory to another file system'
  if (/EACCES|EPERM|EROFS|ENOENT|ENOTDIR/.test(problem))
    return 'set buffer.directory to a directory that this user can write to; in a systemd unit, StateDirectory=hostpush creates one'
  if (/hostpush does not use it/.test(problem))
    return 'delete the link or file that the error names, and find out which user created it'
  return 'repair or replace the disk, or set buffer.directory to another one'
}
