import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import systemd, { parseVersion } from '../../src/collectors/systemd.ts'
import { hostServices } from '../../src/host/services.ts'
import { noBus, type Objects, type Service, serve, startBus, type TestBus, type Typed } from '../support/bus.ts'
import { collectAll } from '../support/collect.ts'

const name = 'org.freedesktop.systemd1'
const none = 0xffffffffffffffffn

const unit = (id: string, active = 'active', load = 'loaded') =>
  [id, 'described', load, active, 'running', '', `/unit/${id.replace(/\W/g, '_')}`, 0, '', '/'] as const

const manager = (units: readonly (readonly unknown[])[], more: Record<string, Typed> = {}): Objects => ({
  '/org/freedesktop/systemd1': {
    [`${name}.Manager.ListUnits`]: ['a(ssssssouso)', units],
    [`${name}.Manager.Version`]: ['s', '252.39-1~deb12u1'],
    [`${name}.Manager.Virtualization`]: ['s', 'kvm'],
    [`${name}.Manager.SystemState`]: ['s', 'running'],
    ...more,
  },
})

const service = (more: Record<string, Typed> = {}): Record<string, Typed> => ({
  [`${name}.Service.Type`]: ['s', 'notify'],
  [`${name}.Service.NRestarts`]: ['u', 3],
  [`${name}.Service.TasksCurrent`]: ['t', 7n],
  [`${name}.Service.TasksMax`]: ['t', 4915n],
  [`${name}.Unit.ActiveEnterTimestamp`]: ['t', 1_700_000_000_123_456n],
  ...more,
})

const everything = { 'enable-task-metrics': true, 'enable-restarts-metrics': true, 'enable-start-time-metrics': true }

describe('systemd', { skip: noBus }, () => {
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
  const collect = (given: Objects, options = {}) => {
    objects = given
    answering.calls.length = 0
    return collectAll(systemd, { services: hostServices(bus.address), options })
  }
  const about = (lines: readonly string[], family: string) => lines.filter((line) => line.startsWith(family))

  test('the manager reports its version, the virtualization and its state', async () => {
    const { lines, success } = await collect(manager([]))
    assert.deepEqual(lines, [
      'node_systemd_system_running 1',
      'node_systemd_units{state="activating"} 0',
      'node_systemd_units{state="active"} 0',
      'node_systemd_units{state="deactivating"} 0',
      'node_systemd_units{state="failed"} 0',
      'node_systemd_units{state="inactive"} 0',
      'node_systemd_version{version="252.39-1~deb12u1"} 252.39',
      'node_systemd_virtualization_info{virtualization_type="kvm"} 1',
    ])
    assert.equal(success, true)
  })

  test('a degraded system is not running, and bare metal has the virtualization none', async () => {
    const { lines } = await collect(
      manager([], {
        [`${name}.Manager.SystemState`]: ['s', 'degraded'],
        [`${name}.Manager.Virtualization`]: ['s', ''],
      }),
    )
    assert.deepEqual(about(lines, 'node_systemd_system'), ['node_systemd_system_running 0'])
    assert.deepEqual(about(lines, 'node_systemd_virt'), [
      'node_systemd_virtualization_info{virtualization_type="none"} 1',
    ])
  })

  test('it counts all units by state, also by unusual states', async () => {
    const { lines } = await collect(
      manager([
        unit('a.service'),
        unit('b.mount'),
        unit('c.scope', 'reloading'),
        unit('d.timer', 'inactive', 'masked'),
      ]),
    )
    assert.deepEqual(about(lines, 'node_systemd_units'), [
      'node_systemd_units{state="activating"} 0',
      'node_systemd_units{state="active"} 2',
      'node_systemd_units{state="deactivating"} 0',
      'node_systemd_units{state="failed"} 0',
      'node_systemd_units{state="inactive"} 1',
      'node_systemd_units{state="reloading"} 1',
    ])
  })

  test('each loaded unit that the filters include has five states, a service its type', async () => {
    const units = [unit('a.service', 'failed'), unit('b.target'), unit('c.service', 'inactive', 'not-found')]
    const { lines } = await collect({ ...manager(units), '/unit/a_service': service() })
    assert.deepEqual(about(lines, 'node_systemd_unit_state'), [
      'node_systemd_unit_state{name="a.service",state="activating",type="notify"} 0',
      'node_systemd_unit_state{name="a.service",state="active",type="notify"} 0',
      'node_systemd_unit_state{name="a.service",state="deactivating",type="notify"} 0',
      'node_systemd_unit_state{name="a.service",state="failed",type="notify"} 1',
      'node_systemd_unit_state{name="a.service",state="inactive",type="notify"} 0',
      'node_systemd_unit_state{name="b.target",state="activating",type=""} 0',
      'node_systemd_unit_state{name="b.target",state="active",type=""} 1',
      'node_systemd_unit_state{name="b.target",state="deactivating",type=""} 0',
      'node_systemd_unit_state{name="b.target",state="failed",type=""} 0',
      'node_systemd_unit_state{name="b.target",state="inactive",type=""} 0',
    ])
  })

  test('the filters match whole names; mounts have a type too', async () => {
    const units = [unit('x.mount'), unit('x.mount.service'), unit('y.mount'), unit('x.target')]
    const { lines } = await collect(
      { ...manager(units), '/unit/x_mount': { [`${name}.Mount.Type`]: ['s', 'ext4'] } },
      { 'unit-include': 'x.*', 'unit-exclude': '\\.target|x\\.target' },
    )
    const taken = about(lines, 'node_systemd_unit_state').filter((line) => line.includes('state="active"'))
    assert.deepEqual(taken, [
      'node_systemd_unit_state{name="x.mount",state="active",type="ext4"} 1',
      'node_systemd_unit_state{name="x.mount.service",state="active",type=""} 1',
    ])
  })

  test('restarts, tasks and start times are reported if the options are set', async () => {
    const { lines } = await collect({ ...manager([unit('a.service')]), '/unit/a_service': service() }, everything)
    assert.deepEqual(
      lines.filter((line) => /restart|tasks|start_time/.test(line)),
      [
        'node_systemd_service_restart_total{name="a.service"} 3',
        'node_systemd_unit_start_time_seconds{name="a.service"} 1.700000000123456e+09',
        'node_systemd_unit_tasks_current{name="a.service"} 7',
        'node_systemd_unit_tasks_max{name="a.service"} 4915',
      ],
    )
  })

  test('missing limits and uncounted tasks are left out; an inactive unit started at 0', async () => {
    const unlimited: Objects = {
      '/unit/a_service': service({
        [`${name}.Service.TasksCurrent`]: ['t', none],
        [`${name}.Service.TasksMax`]: ['t', none],
      }),
    }
    const { lines } = await collect({ ...manager([unit('a.service', 'inactive')]), ...unlimited }, everything)
    assert.deepEqual(
      lines.filter((line) => /tasks|start_time/.test(line)),
      ['node_systemd_unit_start_time_seconds{name="a.service"} 0'],
    )
  })

  test('timers report when they fired, sockets their connections', async () => {
    const units = [unit('t.timer'), unit('s.socket'), unit('old.socket')]
    const { lines } = await collect({
      ...manager(units),
      '/unit/t_timer': { [`${name}.Timer.LastTriggerUSec`]: ['t', 1_700_000_002_500_000n] },
      '/unit/s_socket': {
        [`${name}.Socket.NAccepted`]: ['u', 11],
        [`${name}.Socket.NConnections`]: ['u', 2],
        [`${name}.Socket.NRefused`]: ['u', 1],
      },
      '/unit/old_socket': { [`${name}.Socket.NAccepted`]: ['u', 5], [`${name}.Socket.NConnections`]: ['u', 0] },
    })
    assert.deepEqual(
      lines.filter((line) => /timer_|socket_/.test(line)),
      [
        'node_systemd_socket_accepted_connections_total{name="old.socket"} 5',
        'node_systemd_socket_accepted_connections_total{name="s.socket"} 11',
        'node_systemd_socket_current_connections{name="old.socket"} 0',
        'node_systemd_socket_current_connections{name="s.socket"} 2',
        'node_systemd_socket_refused_connections_total{name="s.socket"} 1',
        'node_systemd_timer_last_trigger_seconds{name="t.timer"} 1.7000000025e+09',
      ],
    )
  })

  test('a unit that disappears during the query loses only its missing properties', async () => {
    const { lines, success } = await collect(manager([unit('a.service'), unit('t.timer')]), everything)
    assert.equal(success, true)
    assert.equal(about(lines, 'node_systemd_unit_state').length, 10)
    assert.deepEqual(about(lines, 'node_systemd_unit_start_time'), [])
  })

  test('without the list of units it fails after the other samples', async () => {
    const { [`${name}.Manager.ListUnits`]: _, ...rest } = manager([])['/org/freedesktop/systemd1'] ?? {}
    const { lines, success } = await collect({ '/org/freedesktop/systemd1': rest })
    assert.equal(success, false)
    assert.deepEqual(about(lines, 'node_systemd_v').length, 2)
  })

  test('without the state of the system it fails and reports the units', async () => {
    const { [`${name}.Manager.SystemState`]: _, ...rest } =
      manager([unit('a.target')])['/org/freedesktop/systemd1'] ?? {}
    const { lines, success } = await collect({ '/org/freedesktop/systemd1': rest })
    assert.equal(success, false)
    assert.equal(about(lines, 'node_systemd_unit_state').length, 5)
  })

  test('it queries each of a thousand services once', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `s${i}.service`)
    const paths = names.map((id) => [`/unit/${id.replace(/\W/g, '_')}`, service()] as const)
    const { lines, success } = await collect({ ...manager(names.map((id) => unit(id))), ...Object.fromEntries(paths) })
    assert.equal(success, true)
    assert.equal(about(lines, 'node_systemd_unit_state').filter((line) => line.includes('"notify"')).length, 5000)
    assert.equal(answering.calls.length, 1004)
  })
})

test('without a bus it fails and names the address', async () => {
  const { success, logged } = await collectAll(systemd, { services: hostServices('unix:path=/nonexistent/bus') })
  assert.equal(success, false)
  assert.match(logged.join(), /cannot connect to unix:path=\/nonexistent\/bus/)
})

test('it parses versions', () => {
  assert.equal(parseVersion('252.39-1~deb12u1'), 252.39)
  assert.equal(parseVersion('v255.4-1ubuntu8.4'), 255.4)
  assert.equal(parseVersion('257'), 257)
  assert.equal(parseVersion('99 (x)'), undefined)
  assert.equal(parseVersion(''), undefined)
})
