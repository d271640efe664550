export { createReceiver, type Receiver, type RequestSummary } from './receiver.ts'
