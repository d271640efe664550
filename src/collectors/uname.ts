import { collector } from '../collector.ts'
import { gauge } from '../metrics/index.ts'

const info = gauge('node_uname_info', 'The kernel and the host, as uname(2) names them: always 1.', [
  'domainname',
  'machine',
  'nodename',
  'release',
  'sysname',
  'version',
])

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#domainname-hostname */
export default collector({
  name: 'uname',
  about:
    'Reports the kernel version, machine, host name and domain name. Calls uname(2) and reads /proc/sys/kernel/domainname.',
  collect({ proc, facts, emit }) {
    // The kernel reports `(none)` if there is no NIS domain.
    emit(info, 1, { domainname: proc.text('sys/kernel/domainname') ?? '(none)', ...facts.uname() })
  },
})
