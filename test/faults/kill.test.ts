import { test } from 'node:test'
import { killed } from './kill.ts'

test('three kills at random times lose nothing', (t) => killed(t, 3))
