/** What to do about a disk that is not used, by what was said of it. */
export function diskRemedy(trouble: string): string {
  if (/min_free|ENOSPC|EDQUOT/.test(trouble))
    return 'make room on its file system, or lower buffer.min_free; samples wait in memory meanwhile'
  if (/EACCES|EPERM/.test(trouble))
    return 'give the directory to the user that runs this, or name another in buffer.directory; samples wait in memory meanwhile'
  return 'mend the disk, or move buffer.directory; samples wait in memory meanwhile'
}
