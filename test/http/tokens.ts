import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { TestContext } from 'node:test'
import { jwtVerify } from 'jose'
import { systemClock } from '../../src/clock.ts'
import { connect } from '../../src/http/connection.ts'
import type { Credentials } from '../../src/http/credentials.ts'
import { createRequester } from '../../src/http/request.ts'
import { answerOf, type RawRequest, rawServer } from './raw.ts'

export type Give = (request: RawRequest) => string

export const token = (name: string, more: object = {}) =>
  answerOf(200, { 'content-type': 'application/json' }, JSON.stringify({ access_token: name, ...more }))

export const formOf = (request: RawRequest | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(new URLSearchParams(request?.body.toString()))

/** What gives out tokens, a receiver, and a sender between them, whose clock can be put forward. */
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

/** A key for a test, and what only its owner can have said. */
export function keyPair() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const verified = async (assertion: string | undefined, audience: string) => {
    const { payload, protectedHeader } = await jwtVerify(assertion ?? '', createPublicKey(privateKey), { audience })
    return { claims: payload, header: protectedHeader }
  }
  return {
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    pkcs1: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    verified,
  }
}
