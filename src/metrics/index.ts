export {
  type FamilySource,
  familySamples,
  type KnownFamilies,
  mergeFamilies,
  type NormalizedFamily,
  normalizeFamily,
} from './exposition/normalize.ts'
export { readPushed, snapshotOf } from './exposition/read-pushed.ts'
export { type ReadFamily, readText, readTextWithin } from './exposition/read-text.ts'
export { fault, faultText, named } from './exposition/text-fault.ts'
export { emptySize, pushLimits, type TextLimits, type TextSize, textLimits } from './exposition/text-limits.ts'
export { type FamilyLayout, formatValue, layoutOf, type SampleLayout, seriesText, textOf } from './exposition/write.ts'
export {
  beginningOf,
  byCodeUnit,
  counter,
  type Family,
  familyOf,
  gauge,
  type Labels,
  labelled,
  type MetricType,
  ownCounter,
  ownHistogram,
  type Since,
  type Starts,
  type Suffix,
  undatedCounter,
  untyped,
} from './family.ts'
export { type Filter, filterOf, ownPattern, type Pattern, userPattern } from './pattern.ts'
export { type DuplicateReason, type Identity, isSameIdentity, type Series, SeriesTable } from './series.ts'
export { type DuplicateSample, hostSource, type Snapshot, SnapshotBuilder } from './snapshot.ts'
