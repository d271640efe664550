import * as v from 'valibot'
import { durationMs, sizeBytes } from './units.ts'

/** Schemas of single values in the configuration file. */

export const duration = v.pipe(
  v.string('expected a duration such as "15s" or "1m30s"'),
  v.check((text) => durationMs(text) !== undefined, 'expected a duration such as "15s" or "1m30s"'),
)
export const positive = v.pipe(
  duration,
  v.check((text) => durationMs(text) !== 0, 'expected a duration above 0'),
)
export const size = v.pipe(
  v.string('expected a size such as "512MiB"'),
  v.check((text) => (sizeBytes(text) ?? 0) > 0, 'expected a size such as "512MiB"'),
)
export const text = v.string('expected a text')
/** Converters from YAML write texts of digits as numbers: the user of Grafana Cloud, a tenant, a label. */
export const textOrNumber = v.union(
  [v.string(), v.pipe(v.number(), v.safeInteger(), v.transform(String))],
  'expected a text',
)
export const filled = v.pipe(text, v.nonEmpty('expected a text that is not empty'))
export const flag = v.boolean('expected true or false')
export const count = v.pipe(
  v.number('expected a whole number'),
  v.integer('expected a whole number'),
  v.minValue(0, 'expected a number from 0 up'),
)

const labelName = v.pipe(
  text,
  v.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected a label name: letters, digits and _, not beginning with a digit'),
  v.check((name) => name !== '__name__', 'reserved, __name__ is the metric name'),
)
/** Label names and their values. */
export const labels = v.record(labelName, textOrNumber)
