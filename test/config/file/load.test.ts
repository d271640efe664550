import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { collectors } from '../../../src/collectors/index.ts'
import { ConfigError } from '../../../src/config/error.ts'
import { parseJson, readFile } from '../../../src/config/file/load.ts'
import { configuredFiles } from '../../support/configured-files.ts'
import { outputKinds } from '../../support/outputs.ts'
import { temporary } from '../../support/servers.ts'

/** The valid parts of a file, and the errors of the others without the path of the file. */
async function read(t: TestContext, text: string, environment: Record<string, string> = {}) {
  const path = join(temporary(t), 'config.json')
  writeFileSync(path, text)
  const problems: string[] = []
  const given = { environment, files: configuredFiles(), collectors, outputKinds }
  const shape = await readFile(path, given, problems)
  return { shape, problems: problems.map((problem) => problem.replace(`${path}: `, '')) }
}

test('the error for YAML differs from that for invalid JSON', async (t) => {
  for (const text of ['global:\n  scrape_interval: 15s\n', '# mine\n\n---\nremote_write:\n- url: x\n'])
    await assert.rejects(
      () => read(t, text),
      /config\.json: the file is YAML, expected JSON: convert it with yq -o=json \. \S+config\.json \(/,
    )
  for (const text of ['', '{ job: "x" }', 'job', '"job": "x"']) await assert.rejects(() => read(t, text), /^(?!.*YAML)/)
})

test('a directory instead of the file is an error that names the expected file', async (t) => {
  const given = { environment: {}, files: configuredFiles(), collectors: [], outputKinds }
  await assert.rejects(
    () => readFile(temporary(t), given, []),
    /EISDIR: .*, expected a file, for example config\.example\.json/,
  )
})

test('every unknown key is an error, also if an object has several', async (t) => {
  const { problems } = await read(
    t,
    '{"jop": "", "instanze": "", "global": {"a": 1, "b": 2}, "constructor": 1, "__proto__": 2}',
  )
  assert.deepEqual(problems, [
    'jop: unknown key, did you mean job?',
    'instanze: unknown key, did you mean instance?',
    'global.a: unknown key',
    'global.b: unknown key',
    'constructor: unknown key',
    '__proto__: unknown key',
  ])
})

test('a key in the wrong object is an error that names the expected object', async (t) => {
  const { problems } = await read(
    t,
    '{"scrape_interval": "5s", "username": "u", "enabled": true, "web": {"level": "info"}}',
  )
  assert.deepEqual(problems, [
    'scrape_interval: unknown key, expected in global',
    'username: unknown key, expected in remote_write.basic_auth or pushgateway.basic_auth',
    'enabled: unknown key',
    'web.level: unknown key, expected in log',
  ])
  const below = (await read(t, '{"remote_write": [{"url": "http://x", "password": "p", "max_backoff": "1s"}]}'))
    .problems
  assert.deepEqual(below, [
    'remote_write[0].password: unknown key, expected in basic_auth',
    'remote_write[0].max_backoff: unknown key, expected in queue_config',
  ])
})

test('the valid parts of a file are read, so that one run reports the errors of all parts', async (t) => {
  const { shape, problems } = await read(
    t,
    '{"job": "j", "jop": 1, "web": {"max_requests": -1}, "log": {"level": "loud"}}',
  )
  assert.deepEqual(shape, { job: 'j' })
  assert.deepEqual(problems, [
    'web.max_requests: invalid value, expected a number from 0 up',
    'log.level: invalid value, expected one of debug, info, warn, error',
    'jop: unknown key, did you mean job?',
  ])
})

test('an error about a value of the wrong type does not contain the value, which may be a secret', async (t) => {
  const secret = '"https://me:s3cret@x"'
  const text = `{"global": [], "remote_write": [${secret}, {"headers": ${secret}, "basic_auth": ${secret}}, {"url": 1}],
    "web": {"listen_address": ${secret}}, "interfaces": [1], "collectors": {"textfile": {"directory": ${secret}}}}`
  const { problems } = await read(t, text)
  assert.deepEqual(problems.toSorted(), [
    'collectors.textfile.directory: invalid value, expected a list of texts',
    'global: invalid value, expected an object',
    'interfaces: invalid value, expected an object',
    'remote_write[0]: invalid value, expected an object',
    'remote_write[1].basic_auth: invalid value, expected an object',
    'remote_write[1].headers: invalid value, expected an object',
    'remote_write[1].url: required key is missing',
    'remote_write[2].url: invalid value, expected a text',
    'web.listen_address: invalid value, expected a list of addresses (an empty list disables the web server)',
  ])
})

test('an environment variable that is not set is one error, also where an empty text is invalid', async (t) => {
  const { problems } = await read(t, '{"remote_write": [{"url": "${URL}"}]}')
  assert.deepEqual(problems, ['remote_write[0].url: environment variable URL is not set'])
})

test('a file without an object is an error', async (t) => {
  for (const text of ['[]', 'null', '"x"', '5'])
    await assert.rejects(
      () => read(t, text),
      (error) =>
        error instanceof ConfigError && /config\.json: invalid content, expected a JSON object$/.test(error.message),
    )
})

test('a byte order mark is accepted', async (t) => {
  assert.deepEqual((await read(t, '\uFEFF{"job": "j"}')).shape, { job: 'j' })
})

const broken: readonly (readonly [text: string, message: string])[] = [
  ['{"password": s3cret}', 'unexpected "s" (line 1 column 14)'],
  [`{\n  "password":\n    's3cret'}`, 'unexpected "\'" (line 3 column 5)'],
  ['["s3cret", ]', 'unexpected "]" (line 1 column 12)'],
  ['{"a": "s3cret",\n  // b\n}', 'Expected double-quoted property name in JSON at position 18 (line 2 column 3)'],
]
for (const [text, message] of broken) {
  test(`invalid JSON is reported by its place and not by its text: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseJson(text), { message })
  })
}
