import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { goJudge } from '../support/servers.ts'

/** A body as it goes out, compressed. */
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

/** What Prometheus's own code reads in a body. */
export interface Read {
  readonly series: readonly ReadSeries[]
  readonly metadata?: readonly ReadMetadata[]
}

/** Gives bodies to the judge, and what it reads in them; it ends with an error at one that breaks a rule. */
export type Judge = (bodies: readonly Body[]) => Promise<readonly Read[]>

/** Built first if it is not there; without Go the test is skipped by name, and in CI it fails. */
export function judge(t: TestContext): Judge | undefined {
  const program = goJudge(t, { name: 'remote-write-judge', folder: join(import.meta.dirname, 'judge') })
  return program === undefined ? undefined : async (bodies) => await judged(program, bodies)
}

async function judged(program: string, bodies: readonly Body[]): Promise<readonly Read[]> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'pipe'] })
  const [lines, words] = [child.stdout, child.stderr].map(async (stream) => await new Response(stream).text())
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  child.stdin.on('error', () => {}) // it has ended: its words say why
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
