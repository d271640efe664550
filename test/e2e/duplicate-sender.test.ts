import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, freePort, hostpush, startPrometheus, temporary } from '../support/servers.ts'

/** An agent with the instance `twin`. */
function twin(t: TestContext, url: string, web: number) {
  const folder = temporary(t)
  const file = join(folder, 'config.json')
  const config = {
    instance: 'twin',
    global: { scrape_interval: '1s' },
    remote_write: [{ url, preset: 'prometheus', queue_config: { min_backoff: '100ms', max_backoff: '1s' } }],
    buffer: { directory: join(folder, 'buffer') },
    web: { listen_address: [`127.0.0.1:${web}`] },
    collectors: { disable_defaults: true, loadavg: { enabled: true } },
  }
  writeFileSync(file, JSON.stringify(config))
  return hostpush(t, ['run', `--config.file=${file}`])
}

test('the later of two hosts with the same labels reports the duplicate sender in its log, status page and metrics', async (t) => {
  const prometheus = await startPrometheus(t)
  if (prometheus === undefined) return
  const [door, web] = [await freePort(), await freePort()]
  const late = twin(t, `http://127.0.0.1:${door}`, web)
  await late.until(/ECONNREFUSED/)
  const first = twin(t, prometheus.url, await freePort())
  await eventually(
    () => prometheus.query('count_over_time(node_load1{instance="twin"}[1m])'),
    ([one]) => Number(one?.value[1]) >= 2,
  )
  const { port } = new URL(prometheus.url)
  const gate = createServer((socket) => {
    const on = connect(Number(port), '127.0.0.1')
    for (const [from, to] of [[socket, on] as const, [on, socket] as const])
      from.on('error', () => to.destroy()).pipe(to)
  })
  await new Promise<void>((resolve) => gate.listen(door, '127.0.0.1', resolve))
  t.after(() => gate.close())
  await late.until(/level=ERROR msg="Another sender uses the same labels.* instance=twin job=node/)
  assert.match(late.output(), /hint="give each host a different instance label/)
  const page = async (path: string) => (await fetch(`http://127.0.0.1:${web}${path}`)).text()
  assert.match(await page('/'), /another sender uses the same labels/)
  assert.match(await page('/metrics'), /^hostpush_duplicate_sender_rejections_total\{.*\} [1-9]/m)
  for (const one of [late, first]) one.child.kill('SIGKILL')
})
