import { collectEach, collector, list } from '../collector.ts'
import { type Dir, fields, numberOf } from '../host/index.ts'

import { familyOf, gauge, untyped } from '../metrics/index.ts'

const single = familyOf((name) => untyped(`node_sysctl_${name}`, `Kernel parameter ${name}.`))
const indexed = familyOf((name) => untyped(`node_sysctl_${name}`, `Kernel parameter ${name}.`, ['index']))
const info = gauge('node_sysctl_info', 'A word in the value of a kernel parameter; always 1.', [
  'index',
  'name',
  'value',
])

/** https://docs.kernel.org/admin-guide/sysctl/ */
export default collector({
  name: 'sysctl',
  about: 'Reports the values of selected kernel parameters. Reads /proc/sys.',
  enabled: false,
  options: {
    include: list(
      [],
      'Parameters to collect, as `fs.file-max`, or with names for their values, `fs.file-nr:total,free,max`.',
    ),
    'include-info': list([], 'Parameters with words as values: each word becomes a label.'),
  },
  collect({ proc, emit, options }) {
    const parameters = [
      ...options.include.map((text) => ({ ...parseParameter(text), words: false })),
      ...options['include-info'].map((text) => ({ ...parseParameter(text), words: true })),
    ]
    collectEach(parameters, ({ name, keys, words }) => {
      const values = valuesOf(proc, name)
      if (words) {
        for (const [index, value] of values.entries()) emit(info, 1, { index: String(index), name, value })
        return
      }
      if (keys.length > 0 && keys.length !== values.length)
        throw new Error(`sysctl: ${name} has ${values.length} values for the names ${keys.join(', ')}`)
      for (const [index, text] of values.entries()) {
        const value = numberOf(text, () => `sysctl: ${name}`)
        const key = keys[index]
        if (key !== undefined) emit(single(metricName(`${name}_${key}`)), value)
        else if (values.length === 1) emit(single(metricName(name)), value)
        else emit(indexed(metricName(name)), value, { index: String(index) })
      }
    })
  },
})

function valuesOf(proc: Dir, name: string): string[] {
  const values = fields(proc.read(`sys/${name.replaceAll('.', '/')}`))
  if (values.length === 0) throw new Error(`sysctl: ${name} has no value`)
  return values
}

const metricName = (name: string) => name.replace(/_*[^0-9A-Za-z_]+_*/g, '_')

/** `fs.file-nr:total,free,max` */
export function parseParameter(text: string): { name: string; keys: string[] } {
  const [name = '', keys = ''] = text.split(':')
  return { name, keys: keys === '' ? [] : keys.split(',') }
}
