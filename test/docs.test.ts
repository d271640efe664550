import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, root, start, temporary } from './support/servers.ts'
import { asUser, userCommands, userPages } from './support/users.ts'

const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md'], { cwd: root })

/** Commands of the README and the docs, and how each is known to work. One that is not listed fails the test. */
const checked: Readonly<Record<string, (t: TestContext) => unknown>> = {
  'npm ci && npm start': demo,
  'npm ci && npm test': () => {}, // this very run
  'export GRAFANA_CLOUD_TOKEN=glc_...': () => {},
  'bin/hostpush --help': () => sh('bin/hostpush --help'),
  'bin/hostpush check --config.file=config.example.json': (t) => {
    assert.match(
      sh('GRAFANA_CLOUD_TOKEN=glc_x bin/hostpush check --config.file=config.example.json'),
      /configuration is good/,
    )
    t.diagnostic('checked')
  },
  'bin/hostpush doctor --config.file=config.example.json': (t) => {
    const line = `GRAFANA_CLOUD_TOKEN=glc_secret STATE_DIRECTORY=${temporary(t)} ${fromSource} doctor --config.file=config.example.json`
    const report = sh(`${line} || true`) // the receiver of the example lets nobody in
    assert.match(report, /^ok +configuration +good/)
    assert.doesNotMatch(report, /glc_secret/)
  },
  'bin/hostpush estimate --config.file=config.example.json': () => {
    const line = `GRAFANA_CLOUD_TOKEN=glc_x STATE_DIRECTORY=/tmp ${fromSource} estimate --config.file=config.example.json`
    assert.match(sh(line), /^as configured +\d+ .* [kMG]B/m)
  },
  'bin/hostpush run --config.file=config.example.json': example,
  'bin/hostpush buffer ls': (t) => {
    assert.match(sh(`STATE_DIRECTORY=${temporary(t)} bin/hostpush buffer ls`), /bytes in \d+ segments|nothing/)
  },
  'npm ci': () => {}, // came before this run
  'npm run check': () => scriptsOf('typecheck', 'lint', 'test'), // CI runs them
  'npm run fix': () => sh('npx biome check package.json'), // the same without writing
  'npm run parity': () => scriptsOf('parity'), // CI runs it
  'npm run docs': () => scriptsOf('docs'), // CI runs it with --check
  'npm run prometheus': () => scriptsOf('prometheus'), // CI runs it
  'npm run schema': () => scriptsOf('schema'), // test/config compares what it writes
  'npm run bench': () => sh('node bench/run.ts --help'),
  'npm run update': () => scriptsOf('update'), // test/scripts tests it without the network
  'npm run update -- --check': () => scriptsOf('update'),
  ...Object.fromEntries(userCommands().map((line) => [line, (t: TestContext) => user(t, line)])),
}

/** What a page for users shows does what it says. */
async function user(t: TestContext, line: string) {
  const { status, output, pushes } = await asUser(t, line)
  assert.equal(status, 0, output)
  if (!line.includes('hostpush check')) assert.ok(pushes > 0)
  if (line.includes('hostpush exec')) assert.equal(output, '')
}

test('every command of the pages for users is run, in whatever file it stands', async (t) => {
  const inShell = new Set(pages.flatMap(commandsIn))
  const others = userCommands().filter((line) => !inShell.has(line))
  assert.ok(others.length >= 4)
  for (const line of others) await user(t, line)
})

test('every configuration and script of the pages for users can be read', (t) => {
  const folder = temporary(t)
  for (const page of userPages) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, kind, block = ''] of text.matchAll(/^ *```(json|shell)\n([\s\S]*?)^ *```/gm)) {
      const file = join(folder, 'block')
      writeFileSync(file, block.replaceAll('/etc/hostpush/token', join(root, 'package.json')))
      sh(kind === 'json' ? `${fromSource} check --config.file=${file}` : `sh -n ${file}`)
    }
  }
})

/** The same as bin/hostpush, which runs what was built last. */
const fromSource = 'node src/cli.ts'

/** Scripts of package.json that are there, and whose file is. */
function scriptsOf(...names: readonly string[]) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const name of names) {
    const [, file] = /^node (\S+\.ts)/.exec(scripts[name] ?? '') ?? []
    assert.ok(scripts[name] !== undefined && (file === undefined || existsSync(join(root, file))), name)
  }
}

const node = dirname(process.execPath)
const sh = (line: string) =>
  execFileSync('sh', ['-c', line], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${node}:${process.env['PATH']}` },
  })

/** What `npm start` starts; `npm ci` has run before this test could. */
async function demo(t: TestContext) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  assert.equal(scripts['start'], 'bin/hostpush demo')
  const running = start(t, join(root, 'bin/hostpush'), [
    'demo',
    '--interval=300ms',
    '--pushes=3',
    '--web.listen-address=',
  ])
  assert.equal(await running.ended, 0)
  assert.match(running.output(), /request 1: \d+ samples of \d+ series/)
  assert.match(running.output(), /\d pushes arrived/)
}

/** The example starts and runs though its receiver cannot be reached from here, and ends when it is told. */
async function example(t: TestContext) {
  const env = { GRAFANA_CLOUD_TOKEN: 'glc_secret', STATE_DIRECTORY: temporary(t) }
  const args = ['run', '--config.file=config.example.json', '--web.listen-address=']
  const running = start(t, join(root, 'bin/hostpush'), args, env)
  await running.until(/msg="agent: running"/)
  await eventually(
    async () => running.output(),
    (text) => text.includes('Remote write failed, retrying'),
    40_000,
  )
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.doesNotMatch(running.output(), /glc_secret/)
}

/** Indented or fenced lines that a reader would type. */
function commandsIn(page: string): readonly string[] {
  const text = readFileSync(join(root, page), 'utf8')
  const fenced = [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block.split('\n'),
  )
  const indented = text.split('\n').filter((line) => /^ {4,}(npm|bin\/hostpush|export|curl|node|hostpush) ?/.test(line))
  return [...fenced, ...indented]
    .map((line) => line.replace(/\s#.*/, '').trim().replace(/^\$ /, ''))
    .filter((line) => line !== '' && !line.startsWith('#'))
}

for (const page of pages) {
  for (const command of commandsIn(page)) {
    test(`${page}: ${command}`, async (t) => {
      const check = checked[command]
      assert.ok(check !== undefined, 'no test runs this command: add it to test/docs.test.ts')
      await check(t)
    })
  }

  test(`${page}: its links lead somewhere`, () => {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!/^https?:/.test(target)) assert.ok(existsSync(join(root, dirname(page), target)), `${target} is missing`)
    }
  })
}
