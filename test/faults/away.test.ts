import { test } from 'node:test'
import { away } from './away.ts'

test('a receiver away for 100 intervals, everything changed meanwhile: nothing is missing', (t) => away(t, 100, 20))
