import assert from 'node:assert/strict'
import { constants, generateKeyPairSync, verify } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { Credentials } from '../../src/http/auth/credentials.ts'
import { createRequester } from '../../src/http/request.ts'
import { connect } from '../../src/http/transport/connection.ts'
import { systemClock } from '../../src/util/clock.ts'
import { answerOf, type RawRequest, rawServer } from './raw.ts'

export type Give = (request: RawRequest) => string

export const token = (name: string, more: object = {}) =>
  answerOf(200, { 'content-type': 'application/json' }, JSON.stringify({ access_token: name, ...more }))

export const formOf = (request: RawRequest | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(new URLSearchParams(request?.body.toString()))

/** A token endpoint, a receiver, and a sender with a test clock. */
export async function scene(
  t: TestContext,
  make: (givers: URL) => Credentials,
  { give, take = () => answerOf(204) }: { readonly give: Give; readonly take?: Give },
) {
  const giver = await rawServer(t, (socket, request) => socket.write(give(request)))
  const receiver = await rawServer(t, (socket, request) => socket.write(take(request)))
  let later = 0
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + later }
  const url = new URL(`http://127.0.0.1:${receiver.port}/api`)
  const credentials = make(new URL(`http://127.0.0.1:${giver.port}/`))
  const target = { url, headers: () => ({}), credentials, timeoutMs: 5000 }
  const requester = createRequester(target, await connect(url.origin, {}, clock), clock)
  t.after(() => requester.close())
  return {
    asked: giver.requests,
    taken: receiver.requests,
    shown: () => receiver.requests.map(({ headers }) => headers['authorization']),
    post: () => requester.post(Buffer.from('x'), {}, AbortSignal.timeout(10_000)),
    pass: (ms: number) => {
      later += ms
    },
  }
}

/** How each algorithm verifies a signature: https://www.rfc-editor.org/rfc/rfc7518#section-3.1 */
const algorithms: Readonly<Record<string, readonly [hash: string, padding: number]>> = {
  RS256: ['sha256', constants.RSA_PKCS1_PADDING],
  RS384: ['sha384', constants.RSA_PKCS1_PADDING],
  RS512: ['sha512', constants.RSA_PKCS1_PADDING],
  PS256: ['sha256', constants.RSA_PKCS1_PSS_PADDING],
}

type Part = Readonly<Record<string, string | number | object>>

/** A key for a test, and the verification of a JWT: signature, audience and time. */
export function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const verified = (assertion: string | undefined, audience: string) => {
    const [head = '', body = '', signature = ''] = (assertion ?? '').split('.')
    const part = (text: string): Part => JSON.parse(Buffer.from(text, 'base64url').toString())
    const [header, claims] = [part(head), part(body)]
    const [hash = '', padding = 0] = algorithms[String(header['alg'])] ?? []
    const key = { key: publicKey, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    assert.ok(verify(hash, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')), 'signature')
    const seconds = Date.now() / 1000
    assert.ok(Number(claims['iat']) <= seconds && Number(claims['exp']) > seconds, 'time')
    assert.equal(claims['aud'], audience)
    return { claims, header }
  }
  return {
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    pkcs1: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    verified,
  }
}
