export { hintFor, withHint } from './hint.ts'
