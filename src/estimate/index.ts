export { type Estimate, estimateOf, snapshotsFor } from './estimate.ts'
export { reportOf } from './report.ts'
export { collectSome } from './sample-host.ts'
