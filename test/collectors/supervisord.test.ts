import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import supervisord from '../../src/collectors/supervisord.ts'
import { hostServices, type Services } from '../../src/host/services.ts'
import { messageOf } from '../../src/util/log.ts'
import { collectAll } from '../support/collect.ts'

const response = (value: string) => `<?xml version='1.0'?>
<methodResponse>
<params>
<param>
<value>${value}</value>
</param>
</params>
</methodResponse>
`

const list = (...structs: string[]) => response(`<array><data>\n${structs.join('\n')}\n</data></array>`)

const info = (group: string, name: string, numbers: Readonly<Record<string, string | number>>) => {
  const all = { name, group, description: 'pid 5, up &lt;1&gt;', ...numbers }
  const members = Object.entries(all).map(([key, value]) => {
    const typed = typeof value === 'number' ? `<int>${value}</int>` : `<string>${value}</string>`
    return `<member>\n<name>${key}</name>\n<value>${typed}</value>\n</member>`
  })
  return `<value><struct>\n${members.join('\n')}\n</struct></value>`
}

const running = { start: 1_700_000_000, state: 20, exitstatus: 0 }

const collect = (xml: string) => {
  const services: Services = { ...hostServices(), post: async () => xml }
  return collectAll(supervisord, { services })
}

test('it reports the state and exit status of every process, and the start of those that run', async () => {
  const { lines } = await collect(
    list(info('web', 'nginx', running), info('jobs', 'job_00', { start: 1_700_000_000, state: 100, exitstatus: 3 })),
  )
  assert.deepEqual(lines, [
    'node_supervisord_exit_status{group="jobs",name="job_00"} 3',
    'node_supervisord_exit_status{group="web",name="nginx"} 0',
    'node_supervisord_start_time_seconds{group="web",name="nginx"} 1.7e+09',
    'node_supervisord_state{group="jobs",name="job_00"} 100',
    'node_supervisord_state{group="web",name="nginx"} 20',
    'node_supervisord_up{group="jobs",name="job_00"} 0',
    'node_supervisord_up{group="web",name="nginx"} 1',
  ])
})

test('a process is up in the states starting, running and stopping only', async () => {
  const states = [0, 10, 20, 30, 40, 100, 200, 1000]
  const { lines } = await collect(list(...states.map((state) => info('g', `s${state}`, { ...running, state }))))
  assert.deepEqual(
    lines.filter((line) => line.startsWith('node_supervisord_up') && line.endsWith(' 1')),
    ['s10', 's20', 's40'].map((name) => `node_supervisord_up{group="g",name="${name}"} 1`),
  )
})

test('it parses entities, a string without its type and i4', async () => {
  const odd = info('a&amp;b', 'x', running).replace('<int>20</int>', '<i4>20</i4>')
  const { lines } = await collect(list(odd.replace('<string>x</string>', 'bare &#60;')))
  assert.ok(lines.includes('node_supervisord_state{group="a&b",name="bare <"} 20'))
})

test('an empty list of processes gives no samples and no failure', async () => {
  for (const xml of [list(), response('<array><data/></array>')]) {
    const { lines, success } = await collect(xml)
    assert.deepEqual([lines, success], [[], true])
  }
})

test('an XML-RPC fault is a failure with the message of supervisord', async () => {
  const members = '<member><name>faultString</name><value><string>SHUTDOWN_STATE</string></value></member>'
  const fault = `<value><struct>${members}</struct></value>`
  const { success, logged } = await collect(`<methodResponse><fault>${fault}</fault></methodResponse>`)
  assert.equal(success, false)
  assert.match(logged.join(), /SHUTDOWN_STATE/)
})

test('an invalid list of processes is a failure without samples', async () => {
  const whole = list(info('g', 'x', running))
  const wrong = [
    '',
    'hello',
    '<html></html>',
    response('<string>x</string>'),
    response('<array/>'),
    whole.slice(0, 300),
  ]
  const oneWrong = [{ state: 'x' }, { exitstatus: '' }, { start: 'nan' }].map((more) =>
    list(info('g', 'x', { ...running, ...more })),
  )
  for (const xml of [...wrong, ...oneWrong, list(info('g', 'x', { state: 20 })), whole.replace('>20<', '>twenty<')]) {
    const { lines, success } = await collect(xml)
    assert.deepEqual([lines, success], [[], false], xml)
  }
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function listen(where: { path: string } | { port: number; host: string }, answer: Answer) {
  const server = createServer(answer).listen(where)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo | string as AddressInfo
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const loopback = { port: 0, host: '127.0.0.1' }
const run = (url: string) => collectAll(supervisord, { services: hostServices(), options: { url } })

test('it queries over HTTP with the credentials of the URL', async () => {
  const seen: unknown[] = []
  await using server = await listen(loopback, ({ method, url, headers }, response) => {
    seen.push([method, url, headers.authorization, headers['content-type']])
    response.end(list(info('g', 'x', running)))
  })
  const { lines } = await run(`http://us:p%40w@127.0.0.1:${server.port}/RPC2`)
  assert.equal(lines.length, 4)
  assert.deepEqual(seen, [['POST', '/RPC2', `Basic ${btoa('us:p@w')}`, 'text/xml']])
})

test('it queries over a Unix socket', async () => {
  const directory = mkdtempSync(`${tmpdir()}/hostpush-supervisord-`)
  try {
    await using _ = await listen({ path: `${directory}/supervisor.sock` }, ({ url }, response) => {
      response.end(url === '/RPC2' ? list(info('g', 'x', running)) : '')
    })
    assert.equal((await run(`unix://${directory}/supervisor.sock`)).lines.length, 4)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('another status, no server and no URL are failures that do not show the password', async () => {
  await using server = await listen(loopback, (_, response) => response.writeHead(401).end())
  for (const [url, expected] of [
    [`http://u:secret@127.0.0.1:${server.port}/RPC2`, /status 401/],
    ['http://u:secret@127.0.0.1:1/RPC2', /ECONNREFUSED/],
    ['unix:///nonexistent/supervisor.sock', /ENOENT/],
    ['http//u:secret@x', /URL/],
  ] as const) {
    const { success, logged } = await run(url)
    assert.equal(success, false)
    assert.match(logged.join(), expected)
    assert.doesNotMatch(logged.join(), /secret/)
  }
})

test('an answer that does not end fails after the timeout', async () => {
  await using server = await listen(loopback, (_, response) => {
    response.write('<?xml')
  })
  await assert.rejects(
    hostServices().post(`http://127.0.0.1:${server.port}/`, '', AbortSignal.timeout(50)),
    /no answer/,
  )
})

test('an answer above the size limit is a failure', async () => {
  await using server = await listen(loopback, (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65536)));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  })
  const answer = hostServices().post(`http://127.0.0.1:${server.port}/`, '', AbortSignal.timeout(5000))
  await assert.rejects(answer, (error) => /exceeded max size/.test(messageOf(error)))
})
