import { collector, NoData } from '../collector.ts'
import { lines } from '../host/index.ts'
import { gauge } from '../metrics/index.ts'
import { instantOf } from '../util/clock.ts'

const names = [
  'build_id',
  'id',
  'id_like',
  'image_id',
  'image_version',
  'name',
  'pretty_name',
  'variant',
  'variant_id',
  'version',
  'version_codename',
  'version_id',
] as const

const info = gauge('node_os_info', 'Information about the operating system from os-release; always 1.', names)
const version = gauge('node_os_version', 'Major and minor version of the operating system as one number.', [
  'id',
  'id_like',
  'name',
])
const supportEnd = gauge('node_os_support_end_timestamp_seconds', 'When support of the operating system ends.')

/** https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
export default collector({
  name: 'os',
  about:
    'Reports the name, version and end of support of the operating system. Reads /etc/os-release or /usr/lib/os-release.',
  collect({ rootfs, emit }) {
    const path = ['etc/os-release', 'usr/lib/os-release'].find((one) => rootfs.exists(one))
    if (path === undefined) throw new NoData('no os-release')
    const release = rootfs.once(path, parseOsRelease)
    const of = (name: string) => release.get(name.toUpperCase()) ?? ''
    emit(info, 1, Object.fromEntries(names.map((name) => [name, of(name)])) as Record<(typeof names)[number], string>)
    emit(version, versionOf(of('version_id')), { id: of('id'), id_like: of('id_like'), name: of('name') })
    emit(supportEnd, supportEndOf(of('support_end')))
  },
})

/** `KEY=value` lines with the quotes of a shell. Nothing is expanded. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  lines(text).forEach((line, i) => {
    if (/^\s*(#|$)/.test(line)) return
    const [, key, value] = /^\s*(?:export )?([A-Za-z_][\w./]*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    const parts = value?.match(/"(?:[^"\\]|\\.)*"|'[^']*'|#.*|[^"'#]+/g) ?? []
    if (key === undefined || value === undefined || parts.join('') !== value)
      throw new Error(`os-release: line ${i + 1} is not KEY=value`)
    values.set(key, unquoted(parts))
  })
  return values
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }

function unquoted(parts: readonly string[]): string {
  const texts = parts.map((part, i) => {
    if (part.startsWith('#')) return ''
    if (part.startsWith("'")) return part.slice(1, -1)
    if (!part.startsWith('"')) return parts[i + 1]?.startsWith('#') ? part.trimEnd() : part
    return part.slice(1, -1).replace(/\\(?:u([0-9a-f]{4})|(.))/gi, (all, code?: string, char?: string) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
      return /\w/.test(char ?? '') ? (escapes[char ?? ''] ?? all) : (char ?? '')
    })
  })
  return texts.join('')
}

/** `22.04` of `22.04.3`; undefined where the text does not begin with a number. */
function versionOf(text: string): number | undefined {
  const [digits] = /^\d+(\.\d*)?/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) || undefined
}

function supportEndOf(text: string): number | undefined {
  if (text === '') return undefined
  const instant = /^\d{4}-\d\d-\d\d$/.test(text) ? instantOf(text) : Number.NaN
  if (Number.isNaN(instant)) throw new Error(`os-release: SUPPORT_END ${JSON.stringify(text)} is not a date`)
  return instant / 1000
}
