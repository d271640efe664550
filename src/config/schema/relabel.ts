import * as v from 'valibot'
import { actions } from '../../relabel/index.ts'
import { count, text } from './values.ts'

const relabelConfig = v.strictObject({
  source_labels: v.optional(v.array(text, 'a list of label names is expected')),
  separator: v.optional(text),
  regex: v.optional(text),
  modulus: v.optional(v.pipe(count, v.maxValue(Number.MAX_SAFE_INTEGER, 'a number below 2^53 is expected'))),
  target_label: v.optional(text),
  replacement: v.optional(text),
  action: v.optional(v.picklist(actions, `one of ${actions.join(', ')} is expected`)),
})
/** A list of relabelling rules, in the words of Prometheus. */
export const relabelConfigs = v.array(relabelConfig, 'a list of rules is expected')
