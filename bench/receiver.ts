import { mkdirSync, writeFileSync } from 'node:fs'
import { freePort, program, type Running, ready, start } from './processes.ts'

export interface Receiver {
  readonly url: string
  /** The value of an instant query; undefined if the result is empty. */
  number(promql: string): Promise<number | undefined>
  stop: Running['stop']
}

/** Starts a real Prometheus as a remote-write receiver. */
export async function startReceiver(folder: string): Promise<Receiver> {
  const url = `http://127.0.0.1:${await freePort()}`
  mkdirSync(`${folder}/receiver`)
  writeFileSync(`${folder}/receiver.yml`, '')
  const args = [
    `--config.file=${folder}/receiver.yml`,
    `--storage.tsdb.path=${folder}/receiver`,
    `--web.listen-address=${new URL(url).host}`,
    '--web.enable-remote-write-receiver',
  ]
  const { stop } = start(program('prometheus'), args, `${folder}/receiver.log`)
  await ready(`${url}/-/ready`)
  return {
    url,
    stop,
    async number(promql) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(promql)}`)
      const { data } = (await answer.json()) as {
        data: { result: readonly { readonly value: readonly [number, string] }[] }
      }
      const value = data.result[0]?.value[1]
      return value === undefined ? undefined : Number(value)
    },
  }
}
