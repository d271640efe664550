import { defineMessages } from '../../util/log.ts'

export const messages = defineMessages('files', {
  unreadable: {
    level: 'warn',
    text: 'Configured file is not usable, its last valid content stays in use',
    meaning:
      'The file at `path` is missing, is no regular file, has invalid content, or its file system does not answer: see `err`.',
    data: 'kept',
    action: 'Repair the file. hostpush reads it again before each use, and logs the recovery.',
  },
  recovered: {
    level: 'info',
    text: 'Configured file recovered, its new content is in use',
    meaning: 'The file at `path` can be read again.',
    data: 'none',
    action: 'None.',
  },
})
