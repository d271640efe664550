import type { Series } from '../../metrics/index.ts'
import { labelsOf } from '../encode/labels.ts'

/** Label sets as JSON, of series that were compared. */
const texts = new WeakMap<Series, string>()

/** The labels of a series before relabeling, as text: equal for two objects of the same series. */
export function identityText(series: Series): string {
  let text = texts.get(series)
  if (text === undefined) texts.set(series, (text = JSON.stringify(labelsOf(series))))
  return text
}
