import * as v from 'valibot'
import { durationMs, sizeBytes } from './units.ts'

/** Shapes of single values, as they stand in the configuration file. */

export const duration = v.pipe(
  v.string('a duration such as "15s" or "1m30s" is expected'),
  v.check((text) => durationMs(text) !== undefined, 'a duration such as "15s" or "1m30s" is expected'),
)
export const positive = v.pipe(
  duration,
  v.check((text) => durationMs(text) !== 0, 'a duration above 0 is expected'),
)
export const size = v.pipe(
  v.string('a size such as "512MiB" is expected'),
  v.check((text) => (sizeBytes(text) ?? 0) > 0, 'a size such as "512MiB" is expected'),
)
export const text = v.string('a text is expected')
/** What YAML takes without quotes comes as a number out of it: the user of Grafana Cloud, a tenant, a label. */
export const textOrNumber = v.union(
  [v.string(), v.pipe(v.number(), v.safeInteger(), v.transform(String))],
  'a text is expected',
)
export const filled = v.pipe(text, v.nonEmpty('a text that is not empty is expected'))
export const flag = v.boolean('true or false is expected')
export const count = v.pipe(
  v.number('a whole number is expected'),
  v.integer('a whole number is expected'),
  v.minValue(0, 'a number from 0 up is expected'),
)

const labelName = v.pipe(
  text,
  v.regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'a label name consists of letters, digits and _, and begins with no digit'),
  v.check((name) => name !== '__name__', '__name__ is the name of the metric itself'),
)
/** Label names and their values. */
export const labels = v.record(labelName, textOrNumber)
