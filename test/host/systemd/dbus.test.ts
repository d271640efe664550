import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { createConnection, type Message, Variant } from 'dbus-native'
import { connectBus } from '../../../src/host/systemd/dbus.ts'
import { messageOf } from '../../../src/util/log.ts'
import { noBus, type Service, serve, startBus, type TestBus } from '../../support/bus.ts'

const name = 'org.example.Host'
const object = { destination: name, path: '/a', interface: 'org.example.Thing' }
const soon = () => AbortSignal.timeout(5000)

describe('a message bus', { skip: noBus }, () => {
  let bus: TestBus
  let service: Service
  before(async () => {
    bus = await startBus()
    service = await serve(bus.address, name, () => ({
      '/a': {
        'org.example.Thing.Text': ['s', 'täxt'],
        'org.example.Thing.Small': ['u', 7],
        'org.example.Thing.Big': ['t', 0xffffffffffffffffn],
        'org.example.Thing.Yes': ['b', true],
        'org.example.Thing.List': ['a(so)', [['seat0', '/s']]],
        'org.example.Thing.Stuck': ['silent', undefined],
        'org.example.Thing.Long': ['s', 'x'.repeat(17 * 1024 * 1024)],
      },
    }))
  })
  after(async () => {
    await service[Symbol.asyncDispose]()
    await bus[Symbol.asyncDispose]()
  })

  test('properties of each type are read', async () => {
    using connection = await connectBus(bus.address, true, soon())
    assert.equal(await connection.property(object, 'Text', 's'), 'täxt')
    assert.equal(await connection.property(object, 'Small', 'u'), 7)
    assert.equal(await connection.property(object, 'Big', 't'), 2 ** 64)
    assert.equal(await connection.property(object, 'Yes', 'b'), true)
  })

  test('a property with an error reply is undefined', async () => {
    using connection = await connectBus(bus.address, true, soon())
    assert.equal(await connection.property(object, 'Missing', 's'), undefined)
  })

  test('a property of another type is an error that names both types', async () => {
    using connection = await connectBus(bus.address, true, soon())
    await assert.rejects(connection.property(object, 'Text', 'u'), /Text of \/a is of type s, not u/)
  })

  test('a method returns its value', async () => {
    using connection = await connectBus(bus.address, true, soon())
    assert.deepEqual(await connection.call({ ...object, member: 'List' }, 'a(so)'), [['seat0', '/s']])
    await assert.rejects(connection.call({ ...object, member: 'List' }, 's'), /List\(\) of \/a: .*type a\(so\), not s/)
  })

  test('a missing service is an error with the text of the bus', async () => {
    using connection = await connectBus(bus.address, true, soon())
    const call = { ...object, destination: 'org.example.Nobody', member: 'List' }
    await assert.rejects(connection.call(call, 's'), (error) => {
      assert.match(messageOf(error), /^D-Bus: List\(\) of \/a: .*org\.example\.Nobody/)
      return true
    })
  })

  test('calls above the limit of the bus wait in a queue', async () => {
    using connection = await connectBus(bus.address, true, soon())
    const asked = Array.from({ length: 1000 }, () => connection.property(object, 'Small', 'u'))
    assert.deepEqual(new Set(await Promise.all(asked)), new Set([7]))
  })

  test('the signal rejects a call without a reply, and queued calls', async () => {
    const abort = new AbortController()
    using connection = await connectBus(bus.address, true, abort.signal)
    const asked = Array.from({ length: 150 }, () => connection.property(object, 'Stuck', 's'))
    abort.abort(new Error('too late'))
    const outcomes = await Promise.allSettled(asked)
    assert.deepEqual([...new Set(outcomes.map(({ status }) => status))], ['rejected'])
  })

  test('a message above the size limit closes the connection', async () => {
    using connection = await connectBus(bus.address, true, soon())
    await assert.rejects(connection.property(object, 'Long', 's'), (error) => {
      assert.match(messageOf(error), /exceeds the maximum size/)
      return true
    })
  })

  test('the first address that answers is used', async () => {
    using connection = await connectBus(`unix:path=/nonexistent/bus;${bus.address},guid=00`, true, soon())
    assert.equal(await connection.property(object, 'Small', 'u'), 7)
  })
})

describe('something that is not a message bus', () => {
  const fails = async (address: string, expected: RegExp, signal = soon()) =>
    assert.rejects(connectBus(address, true, signal), (error) => {
      assert.match(messageOf(error), expected)
      return true
    })

  test('no address, an unsupported address, a missing socket', async () => {
    await fails('', /cannot connect, the address of the bus is empty/)
    await fails('tcp:host=localhost,port=1', /tcp:host=localhost,port=1 is not the address of a Unix socket/)
    await fails('unix:path=/nonexistent/bus', /cannot connect to unix:path=\/nonexistent\/bus: .*ENOENT/)
    await fails('unix:path=/nonexistent/b%20s', /ENOENT.*\/nonexistent\/b s/)
  })

  const answers: Readonly<Record<string, (socket: Socket) => void>> = {
    'a socket that refuses to authenticate': (socket) => socket.write('REJECTED ANONYMOUS\r\n'),
    'a socket that closes at once': (socket) => socket.end(),
    'a socket that answers with something else': (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'a socket that authenticates and then writes garbage': (socket) =>
      socket.write(`OK 0123\r\n${'garbage '.repeat(100)}`),
  }
  for (const [title, answer] of Object.entries(answers))
    test(`${title} is an error at once`, async () => {
      await using socket = await listen(answer)
      await assert.rejects(connectBus(`unix:path=${socket.path}`, true, soon()))
    })

  test('a peer that is not a bus gets no Hello', async () => {
    const asked: unknown[] = []
    await using socket = await listen((stream) => {
      const peer = createConnection({ stream, server: true })
      peer.on('message', ({ member, serial = 0 }: Message) => {
        asked.push(member)
        peer.message({ type: 2, serial: 1, replySerial: serial, signature: 'v', body: [new Variant('s', 'running')] })
      })
    })
    using connection = await connectBus(`unix:path=${socket.path}`, false, soon())
    assert.equal(await connection.property(object, 'SystemState', 's'), 'running')
    assert.deepEqual(asked, ['Get'])
  })

  test('a socket that never answers times out', async () => {
    await using socket = await listen(() => {})
    await assert.rejects(connectBus(`unix:path=${socket.path}`, true, AbortSignal.timeout(50)))
  })
})

async function listen(answer: (socket: Socket) => void) {
  const directory = mkdtempSync(`${tmpdir()}/hostpush-dbus-`)
  const path = `${directory}/socket`
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    answer(socket)
  }).listen(path)
  await once(server, 'listening')
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
      rmSync(directory, { recursive: true })
    },
  }
}
