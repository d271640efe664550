import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostServices } from '../../../src/host/services.ts'
import { isGoingDown } from '../../../src/host/systemd/shutdown.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { noBus, serve, startBus } from '../../support/bus.ts'
import { TestClock } from '../../support/clock.ts'

const nobody = async () => {
  throw new Error('nobody is there')
}

test('the machine is shutting down if systemd is stopping', { skip: noBus }, async () => {
  await using bus = await startBus()
  let state = 'running'
  const manager = 'org.freedesktop.systemd1.Manager'
  await using _ = await serve(bus.address, 'org.freedesktop.systemd1', () => ({
    '/org/freedesktop/systemd1': { [`${manager}.SystemState`]: ['s', state] },
  }))
  const { systemBus } = hostServices(bus.address)
  for (const [said, expected] of [
    ['running', false],
    ['degraded', false],
    ['maintenance', false],
    ['stopping', true],
  ] as const) {
    state = said
    assert.equal(await isGoingDown({ systemBus, systemd: nobody }, systemClock), expected, said)
  }
})

test('without systemd the machine is not shutting down', async () => {
  assert.equal(await isGoingDown({ systemBus: nobody, systemd: nobody }, systemClock), false)
})

test('a systemd that does not answer causes no delay', async () => {
  const clock = new TestClock()
  const answer = isGoingDown({ systemBus: () => new Promise(() => {}), systemd: nobody }, clock)
  await clock.pass(1000)
  assert.equal(await answer, false)
})
