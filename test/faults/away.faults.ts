import { test } from 'node:test'
import { away } from './away.ts'

test('after 2000 intervals without a receiver and a change of the configuration nothing is missing', (t) =>
  away(t, 2000, 10))
