import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Certificates, certificates } from '../support/certificates.ts'
import { answerOf, type RawRequest, rawServer } from '../support/raw.ts'
import { eventually, freePort, hostpush, root, temporary } from '../support/servers.ts'
import { commandLine } from '../support/terminal.ts'
import { keyPair } from '../support/tokens.ts'

/** Every kind of secret, each with characters that every encoding changes. */
const secrets = {
  basic: 'basic&pa"ss/1 %x<y',
  basicFile: 'basicfile-Pw+2',
  bearer: 'glc_Bear&er3',
  oauth2: 'oauth2-Secr&t4',
  grant: 'granted-Tok5en',
  param: 'endpoint-Par6am',
  access: 'AKIDTRIAL0000007',
  sigv4: 'sigv4/Secr+et8',
  userinfo: 'user:inf@o-9',
  query: 'query+Tok&en-10',
  header: 'custom Head"er-11',
  odd: 'oddly-named-12',
  proxy: 'proxy-Pa$s&13',
  connect: 'connect-Head14',
  gateway: 'gateway-Pass15',
  refresh: 'refresh/Tok&en 16',
  client: 'client+Secr&t-17',
} as const

const encoded = (user: string, password: string) => Buffer.from(`${user}:${password}`).toString('base64')
const asForm = (text: string) => new URLSearchParams({ '': text }).toString().slice(1)
const html = (text: string) =>
  text.replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one] ?? one)

const rsa = keyPair().pkcs8

/** Every encoding in which a secret may appear. */
const waysOf = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  asForm(secret),
  JSON.stringify(secret).slice(1, -1),
  html(secret),
  encoded('me', secret),
]

/** The response of a receiver that repeats every secret in every encoding, the most important first. */
function echo({ line, headers, body }: RawRequest, way: number): string {
  const shown = Object.values(headers).flatMap((value) => {
    const [, base64] = /^Basic (.*)$/.exec(value) ?? []
    return [value, ...(base64 === undefined ? [] : [Buffer.from(base64, 'base64').toString()])]
  })
  const words = [...shown.toReversed(), decodeURIComponent(line.replaceAll('+', ' ')), line, body.toString('latin1')]
  const ways = [(one: string) => one, encodeURIComponent, html, (one: string) => JSON.stringify(one)]
  return words
    .map((one) => ways[way % ways.length]?.(one))
    .join(' ')
    .slice(0, 3000)
}

/** A receiver and a proxy that repeat secrets. The path selects a redirect, a token endpoint or a rejection. */
async function talker(t: TestContext, made: Certificates) {
  const talk = (socket: Socket, request: RawRequest) => {
    const { line, number, body } = request
    const words = echo(request, number)
    const refuses = body.includes('node_load')
    if (line.startsWith('CONNECT')) socket.write(answerOf(407, { 'proxy-authenticate': words.slice(0, 40) }, words))
    else if (line.includes('/token/good'))
      socket.write(answerOf(200, {}, JSON.stringify({ access_token: secrets.grant, expires_in: 3600 })))
    else if (line.includes('/token')) {
      const fault = { error: 'invalid_client', error_description: words, error_uri: words }
      socket.write(answerOf(401, {}, JSON.stringify(fault)))
    } else if (line.includes('/moved'))
      socket.write(answerOf(307, { location: `/away?seen=${encodeURIComponent(words)}` }))
    else if (line.includes('/away'))
      socket.write(answerOf(302, { location: `http://elsewhere.test/?${words.slice(0, 99)}` }, words))
    else if (line.includes('/dead-letters')) socket.write(refuses ? answerOf(400, {}, words) : answerOf(204))
    else socket.write(answerOf(number % 2 === 0 ? 401 : 500, {}, words))
  }
  const { port, requests } = await rawServer(t, talk)
  return { port, requests, secure: (await rawServer(t, talk, { tls: made.server })).port }
}

function configured(
  t: TestContext,
  made: Certificates,
  { port, secure, web }: Record<'port' | 'secure' | 'web', number>,
) {
  const folder = temporary(t)
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, secrets.basicFile)
  const at = (path: string) => `http://127.0.0.1:${port}${path}`
  const proxied = (url: string) => {
    const proxy = new URL(at('/'))
    proxy.username = 'me'
    proxy.password = encodeURIComponent(secrets.proxy)
    return { url, proxy_url: proxy.href }
  }
  const oauth2 = { client_id: 'me', client_secret: secrets.oauth2, endpoint_params: { extra: secrets.param } }
  const keys = { region: 'eu-central-1', access_key: secrets.access, secret_key: secrets.sigv4 }
  const [user, account] = [join(folder, 'user.json'), join(folder, 'account.json')] as const
  const google = { token_uri: at('/token'), client_id: 'me', client_secret: secrets.client }
  writeFileSync(user, JSON.stringify({ type: 'authorized_user', refresh_token: secrets.refresh, ...google }))
  writeFileSync(account, JSON.stringify({ type: 'service_account', client_email: 'me', private_key: rsa, ...google }))
  const client_id = '00000000-0000-0000-0000-000000000001'
  const oauth = { client_id, tenant_id: 'lab.test', client_secret: secrets.client }
  const endpoints = {
    basic: { url: at('/basic'), basic_auth: { username: 'me', password: secrets.basic } },
    file: { url: at('/dead-letters'), basic_auth: { username: 'me', password_file: passwordFile } },
    bearer: { url: at('/dead-letters'), authorization: { credentials: secrets.bearer } },
    moved: { url: at('/moved'), authorization: { credentials: secrets.bearer } },
    oauth2: {
      url: at('/oauth2'),
      oauth2: { ...oauth2, token_url: at(`/token?key=${encodeURIComponent(secrets.query)}`) },
    },
    granted: { url: at('/granted'), oauth2: { ...oauth2, token_url: at('/token/good') } },
    google: { url: at('/google'), google_iam: { credentials_file: user } },
    account: { url: at('/account'), google_iam: { credentials_file: account } },
    assertion: {
      url: at('/assertion'),
      oauth2: {
        client_id: 'me',
        token_url: at('/token'),
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        client_certificate_key: rsa,
      },
    },
    azure: { ...proxied('http://receiver.test/azure'), azuread: { oauth } },
    sigv4: { url: at('/sigv4'), sigv4: keys },
    userinfo: { url: at('/userinfo').replace('//', `//me:${encodeURIComponent(secrets.userinfo)}@`) },
    query: { url: at(`/dead-letters?token=${encodeURIComponent(secrets.query)}`) },
    header: { url: at('/dead-letters'), headers: { 'X-Api-Key': secrets.header, 'X-Whatever': secrets.odd } },
    plainproxy: proxied('http://receiver.test/plain'),
    tunnel: { ...proxied('https://receiver.test/tls'), proxy_connect_header: { 'X-Pass': [secrets.connect] } },
    client: { url: `https://127.0.0.1:${secure}/`, tls_config: { ...made.server } },
  }
  const config = {
    global: { scrape_interval: '1s' },
    remote_write: Object.entries(endpoints).map(([name, block]) => ({ name, ...block })),
    pushgateway: [{ url: at('/gateway'), basic_auth: { username: 'me', password: secrets.gateway } }],
    buffer: { directory: join(folder, 'buffer') },
    web: { listen_address: [`127.0.0.1:${web}`] },
    log: { level: 'debug' },
    flush_timeout: '500ms',
    collectors: { disable_defaults: true, loadavg: { enabled: true } },
  }
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify(config))
  const keyTexts = [made.server.key, rsa].map((key) => key.split('\n')[1] ?? '')
  return { file, folder, names: Object.keys(endpoints), keyTexts }
}

/** All bytes of all files in a folder. */
function bytesIn(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n')
}

test('no secret appears in a log, page, report or file, even if receivers, redirects or proxies repeat it', async (t) => {
  const made = certificates(t)
  const { port, secure, requests } = await talker(t, made)
  const web = await freePort()
  const { file, folder, names, keyTexts } = configured(t, made, { port, secure, web })
  const agent = hostpush(t, ['run', `--config.file=${file}`])
  await eventually(
    async () => names.filter((name) => !new RegExp(`level=(WARN|ERROR).*remote_name=${name} `).test(agent.output())),
    (silent) => silent.length === 0,
  )
  await agent.until(/Series rejected by the receiver/)
  const page = async (path: string) => (await fetch(`http://127.0.0.1:${web}${path}`)).text()
  const words: Record<string, string> = { metrics: await page('/metrics'), status: await page('/') }
  const run = async (...args: string[]) => {
    const { out, err } = await commandLine([...args, `--config.file=${file}`])
    words[args.join(' ')] = out + err
  }
  await run('check')
  await run('doctor')
  await run('doctor', '--format=json')
  await run('estimate')
  await run('buffer', 'ls')
  await run('buffer', 'export', '--dead-letters')
  const pushed = await commandLine(
    ['push', '--job=j', '--timeout=500ms', `--config.file=${file}`],
    {},
    undefined,
    'a 1\n',
  )
  agent.child.kill('SIGTERM')
  await agent.ended
  Object.assign(words, { log: agent.output(), push: pushed.out + pushed.err, files: bytesIn(join(folder, 'buffer')) })
  const used = new Set(requests.flatMap(({ headers }) => Object.values(headers))).size
  assert.ok(used > 12, 'the credentials have been shown')
  assert.match(words['buffer ls'] ?? '', /samples rejected, last/)
  assert.match(words['status'] ?? '', /HTTP 401/)
  assert.match(words['doctor'] ?? '', /\/basic\n(?:.+\n)*fail +access/)
  for (const [place, text] of Object.entries(words)) {
    for (const [kind, secret] of Object.entries(secrets))
      for (const way of waysOf(secret)) {
        const found = text.indexOf(way)
        assert.ok(found < 0, `${kind} is in ${place}: …${text.slice(Math.max(0, found - 200), found + 60)}…`)
      }
    for (const keyText of keyTexts) assert.ok(!text.includes(keyText), `a key is in ${place}`)
  }
})

test('errors of the configuration and the command line do not show a secret', async (t) => {
  const file = join(temporary(t), 'config.json')
  const check = async (text: string) => {
    writeFileSync(file, text)
    const told = await Promise.all(['check', 'doctor', 'run'].map((one) => commandLine([one, `--config.file=${file}`])))
    return told.map(({ out, err }) => out + err).join('')
  }
  const block = { url: 'https://h.test/', basic_auth: { username: 'me', password: secrets.bearer } }
  const whole = JSON.stringify({ remote_write: [block] })
  const mistakes = [
    whole.replace('"username"', 'username'),
    whole.replace(`"${secrets.bearer}"`, `"${secrets.bearer}`),
    whole.replace('"password"', '"pasword"'),
    JSON.stringify({ remote_write: [{ ...block, url: `ftp://me:${secrets.bearer}@h.test/` }] }),
    JSON.stringify({ remote_write: [{ ...block, authorization: { credentials: [secrets.bearer] } }] }),
    JSON.stringify({ remote_write: [{ ...block, headers: { 'X-Key': `${secrets.bearer}\n` } }] }),
    JSON.stringify({ remote_write: [{ ...block, tls_config: { key: secrets.bearer, cert: secrets.bearer } }] }),
  ]
  for (const text of mistakes) {
    const told = await check(text)
    assert.notEqual(told, '')
    assert.ok(!told.includes(secrets.bearer), told)
  }
  const url = `ftp://me:${secrets.bearer}@h.test/?key=${secrets.bearer}`
  const { err } = await commandLine(['push', '--job=j', `--remote-write.url=${url}`])
  assert.match(err, /is not a URL that begins with http:/)
  assert.ok(!err.includes(secrets.bearer), err)
})

test('the systemd unit writes no core, which would contain secrets', () => {
  assert.match(readFileSync(join(root, 'packaging/hostpush.service'), 'utf8'), /^LimitCORE=0$/m)
})
