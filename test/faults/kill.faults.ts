import { test } from 'node:test'
import { killed } from './kill.ts'
import { isShort } from './rig.ts'

const times = isShort ? 20 : 100

test(`${times} kills at random times lose nothing`, (t) => killed(t, times))
