import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, root, start, temporary } from './support/servers.ts'
import { asUser, userCommands, userPages } from './support/users.ts'

const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md'], { cwd: root })

/** Commands of the README and the docs, and how each is tested. A command without an entry fails the test. */
const checked: Readonly<Record<string, (t: TestContext) => unknown>> = {
  ...Object.fromEntries(userCommands().map((line) => [line, (t: TestContext) => user(t, line)])),
  'npm ci && npm start': demo,
  'npm ci && npm test': () => {}, // this run
  'cd /opt/hostpush && npm ci': () => {}, // ran before this test
  'ln -s /opt/hostpush/bin/hostpush /usr/local/bin/': linked,
  'hostpush --version': linked,
  'hostpush check --config.file=/etc/hostpush/config.json': (t) => {
    assert.match(sh(`bin/hostpush check --config.file=${quickstart(t)}`), /^Configuration is valid/)
  },
  'hostpush doctor --config.file=/etc/hostpush/config.json': (t) => {
    const report = sh(
      `STATE_DIRECTORY=${temporary(t)} ${fromSource} doctor --config.file=${quickstart(t)} || true`, // no such receiver
    )
    assert.match(report, /^ok +configuration +valid/)
    assert.doesNotMatch(report, /glc_secret/)
  },
  'hostpush estimate --config.file=/etc/hostpush/config.json': (t) => {
    const line = `STATE_DIRECTORY=/tmp ${fromSource} estimate --config.file=${quickstart(t)}`
    assert.match(sh(line), /^as configured +\d+ .* [kMG]B/m)
  },
  'hostpush run --config.file=/etc/hostpush/config.json': runQuickstart,
  'hostpush buffer ls': (t) => {
    assert.match(sh(`STATE_DIRECTORY=${temporary(t)} bin/hostpush buffer ls`), /[\d.]+ \w+ in \d+ segments?|empty/)
  },
  'npm ci': () => {}, // came before this run
  'npm run check': () => scriptsOf('typecheck', 'lint', 'test'), // CI runs them
  'npm run fix': () => sh('npx biome check package.json'), // the same without writing
  'npm run parity': () => scriptsOf('parity'), // CI runs it
  'npm run docs': () => scriptsOf('docs'), // CI runs it with --check
  'npm run prometheus': () => scriptsOf('prometheus'), // CI runs it
  'npm run mimir': () => scriptsOf('mimir'), // CI runs it
  'npm run mimir-faults': () => scriptsOf('mimir-faults'), // takes a quarter of an hour
  'npm run prepare': () => scriptsOf('prepare'), // npm ci ran it before this run
  'npm run draw -- --seed=1': () => scriptsOf('draw'), // test/scripts tests it
  'npm run schema': () => scriptsOf('schema'), // test/config compares what it writes
  ...Object.fromEntries(testCommands().map((line) => [line, () => testFilesExist(line)])),
  'npm run bench': () => sh('node bench/run.ts --help'),
  'npm run update': () => scriptsOf('update'), // test/scripts tests it without the network
  'npm run update -- --check': () => scriptsOf('update'),
}

/** Runs a command of a guide: it succeeds and pushes, and `exec` prints nothing. */
async function user(t: TestContext, line: string) {
  const { status, output, pushes } = await asUser(t, line)
  assert.equal(status, 0, output)
  assert.ok(pushes > 0)
  if (line.includes('hostpush exec')) assert.equal(output, '')
}

test('every command of the README and the guides runs, in whatever file format it is', async (t) => {
  const inShell = new Set(pages.flatMap(commandsIn))
  const others = userCommands().filter((line) => !inShell.has(line))
  assert.ok(others.length >= 4)
  for (const line of others) await checked[line]?.(t)
})

test('the README and docs/behind-nat.md have the same quickstart configuration', () => {
  const blocks = ['README.md', 'docs/behind-nat.md'].map(jsonIn)
  assert.equal(blocks[0], blocks[1])
})

test('every configuration and script of the README and the guides is valid', (t) => {
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

/** Runs the source; bin/hostpush runs the last build. */
const fromSource = 'node src/cli.ts'

/** Commands of CONTRIBUTING.md that run test files. The files run with this suite. */
function testCommands(): readonly string[] {
  return commandsIn('CONTRIBUTING.md').filter((line) => line.startsWith('node --test '))
}

function testFilesExist(line: string): void {
  const paths = line.split(' ').slice(2)
  assert.deepEqual(
    paths.filter((path) => !path.includes('FILE') && globSync(path, { cwd: root }).length === 0),
    [],
  )
}

/** Asserts that package.json has these scripts and that their files exist. */
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

/** Runs what `npm start` starts; `npm ci` ran before this test. */
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

/** The first JSON block of a page. */
function jsonIn(page: string): string {
  const [, block = ''] = /^ *```json\n([\s\S]*?)^ *```/m.exec(readFileSync(join(root, page), 'utf8')) ?? []
  return block
}

/** Path of a file with the configuration of the README's quickstart; its token is glc_secret. */
function quickstart(t: TestContext): string {
  const folder = temporary(t)
  const [config, token] = [join(folder, 'config.json'), join(folder, 'token')]
  writeFileSync(token, 'glc_secret')
  writeFileSync(config, jsonIn('README.md').replaceAll('/etc/hostpush/token', token))
  return config
}

/** A link to the launcher in a folder of the PATH starts hostpush. */
function linked(t: TestContext) {
  const folder = temporary(t)
  const line = `ln -s '${join(root, 'bin/hostpush')}' ${folder}/ && PATH=${folder}:$PATH hostpush --version`
  assert.match(sh(line), /\d+\.\d+\.\d+/)
}

/** The quickstart runs and retries though its receiver is unreachable from here, and stops at SIGTERM. */
async function runQuickstart(t: TestContext) {
  const args = ['run', `--config.file=${quickstart(t)}`, '--web.listen-address=']
  const running = start(t, join(root, 'bin/hostpush'), args, { STATE_DIRECTORY: temporary(t) })
  await eventually(
    async () => running.output(),
    (text) => text.includes('retry_in='),
    40_000,
  )
  running.child.kill('SIGTERM')
  assert.equal(await running.ended, 0)
  assert.doesNotMatch(running.output(), /glc_secret/)
}

/** Shell commands of a page: fenced or indented lines. */
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

  test(`${page}: its links have existing targets`, () => {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!/^https?:/.test(target)) assert.ok(existsSync(join(root, dirname(page), target)), `${target} is missing`)
    }
  })
}
