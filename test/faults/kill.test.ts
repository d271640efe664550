import { test } from 'node:test'
import { killed } from './kill.ts'

test('three kills at random moments lose nothing', (t) => killed(t, 3))
