import { test } from 'node:test'
import { away } from './away.ts'

test('a receiver away for 2000 intervals, everything changed meanwhile: nothing is missing', (t) => away(t, 2000, 10))
