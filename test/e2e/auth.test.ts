import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Certificates, certificates } from '../support/certificates.ts'
import {
  eventually,
  freePort,
  hostpush,
  type Prometheus,
  program,
  type Running,
  start,
  startPrometheus,
  temporary,
} from '../support/servers.ts'

interface Gate {
  readonly url: string
  readonly port: number
  readonly running: Running
  /** Lines of the access log: status, subject of the client's certificate, user, whether the session was resumed. */
  passed(): readonly string[]
  setPassword(password: string): void
}

/** nginx before Prometheus: requires a client certificate and a password; /old redirects to the correct path. */
async function nginx(t: TestContext, behind: Prometheus, made: Certificates, at?: number): Promise<Gate | undefined> {
  const file = program(t, 'nginx')
  if (file === undefined) return undefined
  const folder = temporary(t)
  const port = at ?? (await freePort())
  const inFolder = (name: string) => join(folder, name)
  writeFileSync(inFolder('server.pem'), made.server.cert)
  writeFileSync(inFolder('server.key'), made.server.key)
  writeFileSync(
    inFolder('nginx.conf'),
    `daemon off; master_process off; pid ${inFolder('pid')}; error_log ${inFolder('errors')};
     events {}
     http {
       client_body_temp_path ${inFolder('body')}; proxy_temp_path ${inFolder('proxy')};
       fastcgi_temp_path ${inFolder('fastcgi')}; uwsgi_temp_path ${inFolder('uwsgi')}; scgi_temp_path ${inFolder('scgi')};
       log_format short '$status $ssl_client_s_dn $remote_user $ssl_session_reused';
       access_log ${inFolder('log')} short;
       server {
         listen 127.0.0.1:${port} ssl;
         ssl_certificate ${inFolder('server.pem')}; ssl_certificate_key ${inFolder('server.key')};
         ssl_client_certificate ${made.ca}; ssl_verify_client on; ssl_session_cache shared:tls:1m;
         auth_basic hostpush; auth_basic_user_file ${inFolder('passwords')};
         location = /old { return 308 /api/v1/write; }
         location / { proxy_pass ${behind.url}; }
       }
     }`,
  )
  const setPassword = (password: string) => {
    const hash = execFileSync('openssl', ['passwd', '-apr1', password], { encoding: 'utf8' })
    writeFileSync(inFolder('passwords'), `pusher:${hash}`)
  }
  setPassword('pässword:1')
  const running = start(t, file, ['-p', folder, '-c', inFolder('nginx.conf'), '-e', inFolder('errors')])
  await eventually(async () => existsSync(inFolder('pid')), Boolean)
  const passed = () => readFileSync(inFolder('log'), 'utf8').trim().split('\n')
  return { url: `https://127.0.0.1:${port}`, port, running, passed, setPassword }
}

/** An agent that pushes `up` and the like every 300 ms, with its configuration's secrets in files. */
function agent(t: TestContext, instance: string, endpoint: object, environment: Record<string, string> = {}): Running {
  const file = join(temporary(t), 'config.json')
  const queue = { min_backoff: '50ms', max_backoff: '200ms' }
  const config = {
    global: { scrape_interval: '300ms' },
    instance,
    remote_write: [{ queue_config: queue, metadata_config: { send: false }, ...endpoint }],
    buffer: { mode: 'memory' },
    collectors: { disable_defaults: true, loadavg: { enabled: true } },
    web: { listen_address: [] },
  }
  writeFileSync(file, JSON.stringify(config))
  return hostpush(t, ['run', `--config.file=${file}`], environment)
}

const arrived = async (prometheus: Prometheus, instance: string) =>
  Number((await prometheus.query(`count_over_time(up{instance="${instance}"}[5m])`))[0]?.value[1] ?? 0)

const arrives = async (prometheus: Prometheus, instance: string, more = 3) => {
  const before = await arrived(prometheus, instance)
  await eventually(
    () => arrived(prometheus, instance),
    (count) => count >= before + more,
  )
}

/** Paths of the agent's credentials. */
function keyring(t: TestContext, made: Certificates) {
  const folder = temporary(t)
  const [ca, cert, key, password] = ['ca.pem', 'cert.pem', 'key.pem', 'password'].map((one) => join(folder, one))
  const replace = (from: Certificates, name: string) => {
    const files = from.make(name)
    copyFileSync(from.ca, String(ca))
    copyFileSync(files.cert, String(cert))
    copyFileSync(files.key, String(key))
  }
  const setPassword = (text: string) => writeFileSync(String(password), `${text}\n`)
  replace(made, 'first')
  setPassword('pässword:1')
  const block = {
    basic_auth: { username: 'pusher', password_file: password },
    tls_config: { ca_file: ca, cert_file: cert, key_file: key },
  }
  return { block, replace, setPassword }
}

test('nginx accepts client certificates and passwords, and renewed files need no restart', async (t) => {
  const prometheus = await startPrometheus(t)
  const made = certificates(t)
  const gate = prometheus && (await nginx(t, prometheus, made))
  if (prometheus === undefined || gate === undefined) return
  const ring = keyring(t, made)
  const running = agent(t, 'gate', { url: `${gate.url}/api/v1/write`, ...ring.block })
  await arrives(prometheus, 'gate')
  assert.match(gate.passed()[0] ?? '', /^204 CN=first pusher \.$/)

  ring.replace(made, 'second')
  await arrives(prometheus, 'gate')
  assert.match(gate.passed().at(-1) ?? '', /^204 CN=second pusher/)

  gate.setPassword('pässword:2')
  ring.setPassword('pässword:2')
  await arrives(prometheus, 'gate')

  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.doesNotMatch(running.output(), /ssword|cMOkc3N3/)
})

test('a server certificate is trusted once the CA file contains its authority', async (t) => {
  const prometheus = await startPrometheus(t)
  const [made, later] = [certificates(t), certificates(t)]
  const gate = prometheus && (await nginx(t, prometheus, made))
  if (prometheus === undefined || gate === undefined) return
  const ring = keyring(t, made)
  const running = agent(t, 'moved', { url: `${gate.url}/old`, ...ring.block })
  await arrives(prometheus, 'moved')
  assert.match(gate.passed()[0] ?? '', /^308 /)
  gate.running.child.kill('SIGKILL')
  await gate.running.ended
  assert.ok(await nginx(t, prometheus, later, gate.port))
  await running.until(/Remote write failed, retrying.*(self-signed|unable to verify|certificate)/)
  ring.replace(later, 'third')
  await arrives(prometheus, 'moved')
})

test('requests pass tinyproxy by http and https, with the password of the proxy', async (t) => {
  const prometheus = await startPrometheus(t)
  const made = certificates(t)
  const gate = prometheus && (await nginx(t, prometheus, made))
  const file = program(t, 'tinyproxy')
  if (prometheus === undefined || gate === undefined || file === undefined) return
  const folder = temporary(t)
  const port = await freePort()
  const log = join(folder, 'log')
  writeFileSync(
    join(folder, 'conf'),
    `Port ${port}\nListen 127.0.0.1\nAllow 127.0.0.1\nBasicAuth carrier pr0xyword\nLogFile "${log}"\nLogLevel Connect\n`,
  )
  start(t, file, ['-d', '-c', join(folder, 'conf')])
  await eventually(async () => existsSync(log) && readFileSync(log, 'utf8'), Boolean)
  const proxy_url = `http://carrier:pr0xyword@127.0.0.1:${port}`
  const plain = agent(t, 'plain', { url: `${prometheus.url}/api/v1/write`, proxy_url })
  const secure = agent(t, 'secure', { url: `${gate.url}/api/v1/write`, proxy_url, ...keyring(t, made).block })
  await arrives(prometheus, 'plain')
  await arrives(prometheus, 'secure')
  assert.match(readFileSync(log, 'utf8'), new RegExp(`CONNECT 127.0.0.1:${gate.port} HTTP/1.1`))
  assert.match(readFileSync(log, 'utf8'), /POST http:\/\/127\.0\.0\.1:\d+\/api\/v1\/write HTTP\/1\.1/)

  const refused = agent(t, 'refused', {
    url: `${gate.url}/api/v1/write`,
    proxy_url: proxy_url.replace('pr0xyword', 'wr0ngword'),
    ...keyring(t, made).block,
  })
  await refused.until(/proxy 127\.0\.0\.1:\d+ rejected CONNECT to 127\.0\.0\.1:\d+: HTTP 40\d/)
  for (const one of [plain, secure, refused]) assert.doesNotMatch(one.output(), /pr0xyword|wr0ngword/)
})
