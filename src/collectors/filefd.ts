import { collector } from '../collector.ts'
import { numberOf } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'

const allocated = gauge('node_filefd_allocated', 'Number of allocated file handles.')
const maximum = gauge('node_filefd_maximum', 'Maximum number of file handles.')

/** https://docs.kernel.org/admin-guide/sysctl/fs.html#file-max-file-nr */
export default collector({
  name: 'filefd',
  about: 'Reports the allocated file handles and their limit. Reads /proc/sys/fs/file-nr.',
  collect({ proc, emit }) {
    const handles = parseFileNr(proc.read('sys/fs/file-nr'))
    emit(allocated, handles.allocated)
    emit(maximum, handles.maximum)
  },
})

/** Allocated, free (always 0 since Linux 2.6) and maximum, separated by tabs. */
export function parseFileNr(text: string): { readonly allocated: number; readonly maximum: number } {
  const [allocated = '', , maximum = ''] = text.trim().split('\t')
  const number = (word: string) => numberOf(word, () => 'file-nr')
  return { allocated: number(allocated), maximum: number(maximum) }
}
