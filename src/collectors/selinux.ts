import { type Context, collector, collectParts } from '../collector.ts'
import { type Dir, lines, parseMountinfo } from '../host/index.ts'

import { gauge } from '../metrics/index.ts'

const enabled = gauge('node_selinux_enabled', 'Whether SELinux is in use: 1 or 0.')
const configMode = gauge(
  'node_selinux_config_mode',
  'Mode after the next start: 1 enforcing, 0 permissive, -1 disabled.',
)
const currentMode = gauge('node_selinux_current_mode', 'Mode now: 1 enforcing, 0 permissive, -1 disabled.')

interface State {
  /** The mount of selinuxfs; null if SELinux is not in use. This changes only with a reboot. */
  selinuxfs: Dir | null | undefined
}

export default collector({
  name: 'selinux',
  about:
    'Reports whether SELinux is enabled, and its configured and current mode. Reads /proc/self/mountinfo, /etc/selinux/config and selinuxfs.',
  state: (): State => ({ selinuxfs: undefined }),
  collect({ proc, rootfs, dirAt, emit, state }) {
    if (state.selinuxfs === undefined) state.selinuxfs = find({ proc, dirAt }) ?? null
    const { selinuxfs } = state
    if (selinuxfs === null) return emit(enabled, 0)
    emit(enabled, 1)
    collectParts(
      () => emit(configMode, parseSelinuxConfig(rootfs.readIfAny('etc/selinux/config') ?? '')),
      () => emit(currentMode, enforcing(selinuxfs)),
    )
  },
})

/** A process labelled `kernel` means that no policy was loaded. */
function find({ proc, dirAt }: Pick<Context, 'proc' | 'dirAt'>): Dir | undefined {
  if (!proc.exists('self/mountinfo')) return undefined
  const mounts = proc.oncePaths('self/mountinfo', parseMountinfo)
  const mount = mounts.find(
    ({ fstype, options, superOptions }) =>
      fstype === 'selinuxfs' && !options.includes('ro') && !superOptions.includes('ro'),
  )
  const label = proc.text('thread-self/attr/current')?.replace(/\0+$/, '')
  return mount === undefined || label === 'kernel' ? undefined : dirAt(mount.path)
}

function enforcing(selinuxfs: Dir): number {
  try {
    return selinuxfs.number('enforce') ?? -1
  } catch {
    return -1 // disabled, as in node_exporter
  }
}

const modes = new Map([
  ['enforcing', 1],
  ['permissive', 0],
])

/** The mode that `SELINUX=` in /etc/selinux/config names; -1 for another mode or none. */
export function parseSelinuxConfig(text: string): number {
  let mode = -1
  for (const line of lines(text)) {
    const [, word] = /^\s*SELINUX\s*=\s*"?(\w*)"?\s*$/.exec(line) ?? []
    if (word !== undefined) mode = modes.get(word) ?? -1
  }
  return mode
}
