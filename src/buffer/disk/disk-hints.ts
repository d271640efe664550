/** What to do where commands that ran as another user have left what this one may not use. */
export const foreignRemedy = (directory: string): string =>
  `as root: chown -R ${process.geteuid?.()}:${process.getegid?.()} '${directory}'`

/** What to do about a directory or a disk that cannot be used, by what was said of it. */
export function diskRemedy(problem: string): string {
  if (/min_free|ENOSPC|EDQUOT/.test(problem))
    return 'make room on its file system, lower buffer.min_free, or name a buffer.directory on another'
  if (/EACCES|EPERM|EROFS|ENOENT|ENOTDIR/.test(problem))
    return 'name a buffer.directory that this user may write to; under systemd StateDirectory=hostpush makes one'
  return 'mend the disk, or name a buffer.directory on another'
}
