import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** What the proxy does with a request. */
export type Fate = 'answer' | 'fail' | 'hang' | 'commit and reset' | 'commit and hang'

/** A proxy in front of a real receiver that forwards requests, or breaks the request or the response. */
export async function spoiler(t: TestContext, target: string, result: (number: number) => Fate): Promise<string> {
  let number = 0
  const server = createServer((incoming, answer) => {
    const what = result(++number)
    if (what === 'hang') return
    if (what === 'fail') {
      answer.writeHead(500).end('spoiled')
      return
    }
    const { method = 'POST', headers, url = '' } = incoming
    const onward = request(target + url, { method, headers }, (reply) => {
      if (what === 'commit and reset') incoming.socket.destroy()
      else if (what === 'answer') {
        answer.writeHead(reply.statusCode ?? 500, reply.headers)
        reply.pipe(answer)
        return
      }
      reply.resume()
    })
    onward.on('error', () => incoming.socket.destroy())
    incoming.on('error', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
