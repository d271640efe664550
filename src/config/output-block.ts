/*
 * Functions and schemas with which a kind of output reads its blocks: values, URL, credentials, TLS and proxy, interval.
 */
export { credentialKinds } from './auth/credentials.ts'
export type { BlockContext } from './context.ts'
export { relabelConfigs } from './schema/relabel.ts'
export { target } from './schema/target.ts'
export { milliseconds } from './schema/units.ts'
export { count, duration, filled, flag, labels, positive } from './schema/values.ts'
export { offsetOf, samplingRuleOf } from './sections/interval.ts'
export { targetOf } from './sections/target.ts'
