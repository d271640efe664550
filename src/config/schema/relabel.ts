import * as v from 'valibot'
import { actions } from '../../relabel/index.ts'
import { count, text } from './values.ts'

const relabelConfig = v.strictObject({
  source_labels: v.optional(v.array(text, 'expected a list of label names')),
  separator: v.optional(text),
  regex: v.optional(text),
  modulus: v.optional(v.pipe(count, v.maxValue(Number.MAX_SAFE_INTEGER, 'expected a number below 2^53'))),
  target_label: v.optional(text),
  replacement: v.optional(text),
  action: v.optional(v.picklist(actions, `expected one of ${actions.join(', ')}`)),
})
/** A list of relabelling rules, with the keys of Prometheus. */
export const relabelConfigs = v.array(relabelConfig, 'expected a list of rules')
