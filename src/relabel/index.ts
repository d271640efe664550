export { extents, keepList } from './allowlists.ts'
export type { Label } from './label-set.ts'
export { actions, type Names, type Rule } from './rule.ts'
