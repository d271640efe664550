import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type SigV4Options, sigv4 } from '../../../src/http/auth/sigv4.ts'
import { createRequester } from '../../../src/http/request.ts'
import { connect } from '../../../src/http/transport/connection.ts'
import { systemClock } from '../../../src/util/clock.ts'
import { Secret } from '../../../src/util/log.ts'
import { answerOf, type RawRequest, rawServer } from '../../support/raw.ts'
import { temporary } from '../../support/servers.ts'

const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/** Independent calculation of the signature: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned({ line, headers, body }: RawRequest, secret: string): boolean {
  const [, scope = '', names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
      headers['authorization'] ?? '',
    ) ?? []
  const [, target = ''] = line.split(' ')
  const [path = '', query = ''] = target.split('?')
  const canonical = [
    'POST',
    path,
    query.split('&').sort().join('&'),
    ...names.split(';').map((name) => `${name}:${headers[name]}`),
    '',
    names,
    sha256(body),
  ].join('\n')
  const [date = '', region = '', service = ''] = scope.split('/')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), 'aws4_request')
  return hmac(key, text).toString('hex') === signature
}

/** Sets environment variables of AWS's libraries for one test, and unsets all others of them. */
function environment(t: TestContext, more: Readonly<Record<string, string>>): void {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  const folder = temporary(t)
  const nowhere = join(folder, 'none')
  Object.assign(process.env, { AWS_SHARED_CREDENTIALS_FILE: nowhere, AWS_CONFIG_FILE: nowhere, ...more })
  t.after(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
    Object.assign(process.env, before)
  })
}

async function scene(t: TestContext, more: Partial<SigV4Options>, statuses: readonly number[] = []) {
  const { port, requests } = await rawServer(t, (socket, { number }) =>
    socket.write(answerOf(statuses[number - 1] ?? 204)),
  )
  const url = new URL(`http://127.0.0.1:${port}/workspaces/ws-1/api/v1/remote_write?b=2&a=1`)
  const options = { region: 'eu-central-1', service: 'aps', endpoints: 'usual', ...more } as const
  const target = { url, headers: () => ({}), credentials: sigv4(options), timeoutMs: 10_000 }
  const requester = createRequester(target, await connect(url.origin), systemClock)
  t.after(() => requester.close())
  return {
    requests,
    post: () => requester.post(Buffer.from('samples'), { 'user-agent': 'x' }, AbortSignal.timeout(9000)),
  }
}

const keyOf = (request: RawRequest | undefined) =>
  /Credential=([^/]+)/.exec(request?.headers['authorization'] ?? '')?.[1]

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString()

test('configured keys sign host, date and body for service and region', async (t) => {
  const { requests, post } = await scene(t, { keys: { access: 'AKID', secret: new Secret('s3cret') } })
  assert.equal((await post()).kind, 'delivered')
  const [request] = requests
  assert.ok(request !== undefined && isSigned(request, 's3cret'))
  assert.ok(!isSigned(request, 'other'))
  assert.match(
    request.headers['authorization'] ?? '',
    /Credential=AKID\/\d{8}\/eu-central-1\/aps\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date,/,
  )
  assert.equal(request.headers['x-amz-content-sha256'], sha256('samples'))
})

test('a profile is read from its file, and again after the receiver rejects it', async (t) => {
  const file = join(temporary(t), 'credentials')
  const write = (key: string) =>
    writeFileSync(
      file,
      `[default]\naws_access_key_id=NO\naws_secret_access_key=no\n[lab]\naws_access_key_id=${key}\naws_secret_access_key=${key}-s\n`,
    )
  write('FIRST')
  environment(t, { AWS_SHARED_CREDENTIALS_FILE: file })
  const { requests, post } = await scene(t, { profile: 'lab' }, [204, 403])
  await post()
  assert.ok(requests[0] && isSigned(requests[0], 'FIRST-s'))
  write('SECOND')
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(requests.map(keyOf), ['FIRST', 'FIRST', 'SECOND'])
})

test('a role is assumed through STS with the configured keys, and renewed shortly before it expires', async (t) => {
  const role = (number: number) =>
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
    `<AccessKeyId>ROLE${number}</AccessKeyId><SecretAccessKey>role-s</SecretAccessKey><SessionToken>tok+en=</SessionToken>` +
    `<Expiration>${number === 1 ? new Date(Date.now() + 200_000).toISOString() : inAnHour()}</Expiration>` +
    `</Credentials></AssumeRoleResult></AssumeRoleResponse>`
  const sts = await rawServer(t, (socket, { number }) =>
    socket.write(answerOf(200, { 'content-type': 'text/xml' }, role(number))),
  )
  environment(t, { AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${sts.port}` })
  const keys = { access: 'AKID', secret: new Secret('s3cret') }
  const roleArn = 'arn:aws:iam::123456789012:role/pusher'
  const { requests, post } = await scene(t, { keys, roleArn, externalId: 'ext' })
  for (let i = 0; i < 3; i++) assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(requests.map(keyOf), ['ROLE1', 'ROLE2', 'ROLE2'])
  assert.equal(requests[0]?.headers['x-amz-security-token'], 'tok+en=')
  assert.ok(requests[0] && isSigned(requests[0], 'role-s'))
  const asked = Object.fromEntries(new URLSearchParams(sts.requests[0]?.body.toString()))
  assert.deepEqual([asked['Action'], asked['RoleArn'], asked['ExternalId']], ['AssumeRole', roleArn, 'ext'])
  assert.equal(keyOf(sts.requests[0]), 'AKID')
  assert.match(sts.requests[0]?.headers['authorization'] ?? '', /eu-central-1\/sts\/aws4_request/)
})

test('requests to AWS go through the configured proxy, with its password', async (t) => {
  const credentials = `<Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${inAnHour()}</Expiration></Credentials>`
  const answer = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>${credentials}</AssumeRoleResult></AssumeRoleResponse>`
  const proxy = await rawServer(t, (socket) => socket.write(answerOf(200, { 'content-type': 'text/xml' }, answer)))
  environment(t, { AWS_ENDPOINT_URL_STS: 'http://sts.test' })
  const url = new URL(`http://127.0.0.1:${proxy.port}`)
  const http = { url, authorization: new Secret(`Basic ${Buffer.from('us er:p:w').toString('base64')}`) }
  const keys = { access: 'AKID', secret: new Secret('s3cret') }
  const roleArn = 'arn:aws:iam::123456789012:role/pusher'
  const { requests, post } = await scene(t, { keys, roleArn, proxy: { http, connectHeaders: {} } })
  assert.equal((await post()).kind, 'delivered')
  assert.equal(keyOf(requests[0]), 'ROLE')
  assert.match(proxy.requests[0]?.line ?? '', /^POST http:\/\/sts\.test\/ /)
  assert.equal(proxy.requests[0]?.headers['proxy-authorization'], http.authorization.reveal())
})

test('the credentials of an instance come from the metadata service, version 2', async (t) => {
  const role = { Code: 'Success', AccessKeyId: 'IMDS', SecretAccessKey: 'imds-s', Token: 'tok', Expiration: inAnHour() }
  const metadata = await rawServer(t, (socket, { line, headers }) => {
    if (line.startsWith('PUT /latest/api/token')) socket.write(answerOf(200, {}, 'session'))
    else if (headers['x-aws-ec2-metadata-token'] !== 'session') socket.write(answerOf(401))
    else if (/security-credentials\/? HTTP/.test(line)) socket.write(answerOf(200, {}, 'pusher'))
    else socket.write(answerOf(200, {}, JSON.stringify(role)))
  })
  environment(t, { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${metadata.port}` })
  const { requests, post } = await scene(t, {})
  assert.equal((await post()).kind, 'delivered')
  assert.equal((await post()).kind, 'delivered')
  assert.deepEqual(requests.map(keyOf), ['IMDS', 'IMDS'])
  assert.ok(requests[0] && isSigned(requests[0], 'imds-s'))
  assert.equal(metadata.requests.filter(({ line }) => line.includes('/pusher')).length, 1)
})

test('the credentials of a container come from the URL in the environment', async (t) => {
  const role = { AccessKeyId: 'TASK', SecretAccessKey: 'task-s', Token: 'tok', Expiration: inAnHour() }
  const agent = await rawServer(t, (socket) => socket.write(answerOf(200, {}, JSON.stringify(role))))
  environment(t, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${agent.port}/creds`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'pod',
  })
  const { requests, post } = await scene(t, {})
  assert.equal((await post()).kind, 'delivered')
  assert.equal(keyOf(requests[0]), 'TASK')
  assert.ok(requests[0] && isSigned(requests[0], 'task-s'))
  assert.equal(agent.requests[0]?.headers['authorization'], 'pod')
})

test('without credentials nothing is sent, and the error says so', async (t) => {
  environment(t, { AWS_EC2_METADATA_DISABLED: 'true' })
  const { requests, post } = await scene(t, { profile: 'nobody' })
  const outcome = await post()
  assert.equal(outcome.kind, 'retry')
  assert.match('reason' in outcome ? outcome.reason : '', /^sigv4: no credentials: .*\[nobody\]/)
  assert.deepEqual(requests, [])
})
