import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import logind from '../../src/collectors/logind.ts'
import { hostServices } from '../../src/host/services.ts'
import { noBus, type Objects, type Service, serve, startBus, type TestBus, type Typed } from '../support/bus.ts'
import { collectAll } from '../support/collect.ts'

const name = 'org.freedesktop.login1'

const manager = (seats: readonly string[], sessions: readonly (readonly [id: string, seat: string])[]): Objects => ({
  '/org/freedesktop/login1': {
    [`${name}.Manager.ListSeats`]: ['a(so)', seats.map((seat) => [seat, `/seat/${seat}`])],
    [`${name}.Manager.ListSessions`]: [
      'a(susso)',
      sessions.map(([id, seat]) => [id, 1000, 'somebody', seat, `/session/_${id}`]),
    ],
  },
})

const session = (remote: boolean, type: string, group: string): Record<string, Typed> => ({
  [`${name}.Session.Remote`]: ['b', remote],
  [`${name}.Session.Type`]: ['s', type],
  [`${name}.Session.Class`]: ['s', group],
})

describe('logind', { skip: noBus }, () => {
  let bus: TestBus
  let answering: Service
  let objects: Objects = {}
  before(async () => {
    bus = await startBus()
    answering = await serve(bus.address, name, () => objects)
  })
  after(async () => {
    await answering[Symbol.asyncDispose]()
    await bus[Symbol.asyncDispose]()
  })
  const collect = (given: Objects) => {
    objects = given
    return collectAll(logind, { services: hostServices(bus.address) })
  }

  test('it counts sessions by class, remote, seat and type; unknown values become other', async () => {
    const { lines } = await collect({
      ...manager(
        ['seat0'],
        [
          ['1', 'seat0'],
          ['2', ''],
          ['3', ''],
          ['4', 'seat0'],
        ],
      ),
      '/session/_1': session(false, 'x11', 'user'),
      '/session/_2': session(true, 'tty', 'user'),
      '/session/_3': session(true, 'tty', 'user'),
      '/session/_4': session(false, 'hologram', 'manager'),
    })
    assert.deepEqual(
      lines.filter((line) => !line.endsWith(' 0')),
      [
        'node_logind_sessions{class="other",remote="false",seat="seat0",type="other"} 1',
        'node_logind_sessions{class="user",remote="false",seat="seat0",type="x11"} 1',
        'node_logind_sessions{class="user",remote="true",seat="",type="tty"} 2',
      ],
    )
  })

  test('every combination is reported for each seat and for no seat', async () => {
    const { lines, success } = await collect(manager(['seat0', 'seat1'], []))
    assert.equal(success, true)
    assert.equal(lines.length, 3 * 2 * 7 * 5)
  })

  test('a session that ends during the query is left out', async () => {
    const { lines, success } = await collect({
      ...manager(
        [],
        [
          ['1', ''],
          ['2', ''],
        ],
      ),
      '/session/_1': session(true, 'tty', 'user'),
    })
    assert.equal(success, true)
    assert.equal(lines.filter((line) => line.endsWith(' 1')).length, 1)
  })

  test('without a list of sessions it fails', async () => {
    const { success } = await collect({ '/org/freedesktop/login1': {} })
    assert.equal(success, false)
  })
})
