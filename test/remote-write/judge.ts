import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { goJudge } from '../support/servers.ts'

/** A compressed request body. */
export interface Body {
  readonly version: 1 | 2
  readonly bytes: Uint8Array
}

/** Sixteen hexadecimal digits of the value, time and start time in milliseconds. */
export type ReadSample = readonly [bits: string, timestampMs: number, startMs: number]

export interface ReadMetadata {
  /** In remote-write 1.0. */
  readonly family?: string
  readonly type: string
  readonly help?: string
  readonly unit?: string
}

export interface ReadSeries {
  /** Name, value, name, value. */
  readonly labels: readonly string[]
  readonly samples: readonly ReadSample[]
  /** In remote-write 2.0. */
  readonly metadata?: ReadMetadata
}

/** A request body as decoded by the code of Prometheus. */
export interface Read {
  readonly series: readonly ReadSeries[]
  readonly metadata?: readonly ReadMetadata[]
}

/** Sends bodies to the Go decoder and returns the decoded requests. It exits with an error at a body that breaks a rule. */
export type Judge = (bodies: readonly Body[]) => Promise<readonly Read[]>

/** Builds the decoder if it does not exist. Without Go the test is skipped; in CI it fails. */
export function judge(t: TestContext): Judge | undefined {
  const program = goJudge(t, { name: 'remote-write-judge', folder: join(import.meta.dirname, 'judge') })
  return program === undefined ? undefined : async (bodies) => await judged(program, bodies)
}

async function judged(program: string, bodies: readonly Body[]): Promise<readonly Read[]> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] })
  const [lines, words] = [child.stdout, child.stderr].map(async (stream) => await new Response(stream).text())
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  child.stdin.on('error', () => {}) // it has exited: its stderr has the reason
  for (const { version, bytes } of bodies) {
    const head = Buffer.alloc(5)
    head.writeUInt8(version)
    head.writeUInt32BE(bytes.length, 1)
    child.stdin.write(head)
    child.stdin.write(bytes)
  }
  child.stdin.end()
  const status = await ended
  if (status !== 0) throw new Error(`the judge: ${await words}`)
  return ((await lines) ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Read]))
}
