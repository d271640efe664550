import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import os, { parseOsRelease } from '../../src/collectors/os.ts'
import { collect, collectAll } from '../support/collect.ts'

const of = (text: string) => collectAll(os, { rootfs: { 'etc/os-release': text } })
const version = async (text: string) =>
  (await of(`VERSION_ID=${text}\n`)).lines.find((line) => line.startsWith('node_os_version'))?.split(' ')[1]

test('the file of a distribution gives names and version', async () => {
  const text =
    'NAME="Example Linux"\nVERSION="22.04.3 LTS (Jelly)"\nID=example\nID_LIKE="debian ubuntu"\nVERSION_ID="22.04"\n'
  assert.deepEqual(await collect(os, { rootfs: { 'etc/os-release': text } }), [
    'node_os_info{build_id="",id="example",id_like="debian ubuntu",image_id="",image_version="",name="Example Linux",' +
      'pretty_name="",variant="",variant_id="",version="22.04.3 LTS (Jelly)",version_codename="",version_id="22.04"} 1',
    'node_os_version{id="example",id_like="debian ubuntu",name="Example Linux"} 22.04',
  ])
})

test('the file in /etc takes precedence over the one in /usr/lib', async () => {
  const name = async (rootfs: Record<string, string>) =>
    /,name="(\w+)"/.exec((await collect(os, { rootfs })).join())?.[1]
  assert.equal(await name({ 'etc/os-release': 'NAME=a\n', 'usr/lib/os-release': 'NAME=b\n' }), 'a')
  assert.equal(await name({ 'usr/lib/os-release': 'NAME=b\n' }), 'b')
  assert.equal(
    await name({ 'etc/os-release': { link: '../usr/lib/os-release' }, 'usr/lib/os-release': 'NAME=b\n' } as never),
    'b',
  )
})

test('a system without either file gives no data', async () => {
  const { success, logged } = await collectAll(os)
  assert.equal(success, false)
  assert.match(logged.join(), /^debug/)
})

test('an empty file gives empty labels', async () => {
  const { lines, success } = await of('')
  assert.equal(success, true)
  assert.equal(lines.length, 1)
})

test('a version is major and minor, and is left out if there is none', async () => {
  for (const [text, value] of [
    ['12', '12'],
    ['"22.04"', '22.04'],
    ['3.18.4', '3.18'],
    ['10.10', '10.1'],
    ['12beta', '12'],
    ['12.', '12'],
    ['20230101', '2.0230101e+07'],
    ['rolling', undefined],
    ['v12', undefined],
    ['-5', undefined],
    ['0', undefined],
    ['', undefined],
  ] as const)
    assert.equal(await version(text), value, text)
})

test('the end of support is midnight UTC of its day', async () => {
  const { lines } = await of('SUPPORT_END=2027-05-01\n')
  assert.ok(lines.includes('node_os_support_end_timestamp_seconds 1.8091296e+09'))
})

test('an invalid end of support is a failure after the other samples', async () => {
  for (const date of ['soon', '2027-13-01', '2027-5-1', '2027-05-01T00:00Z']) {
    const { lines, success, logged } = await of(`NAME=x\nSUPPORT_END=${date}\n`)
    assert.equal(success, false, date)
    assert.equal(lines.length, 1)
    assert.match(logged.join(), /SUPPORT_END .* is not a date/)
  }
})

describe('a value', () => {
  for (const [line, value] of [
    ['NAME=a b c', 'a b c'],
    ['NAME=', ''],
    ['NAME=""', ''],
    ['  NAME = a  ', 'a'],
    ['export NAME=a', 'a'],
    ['NAME=a\r', 'a'],
    ['NAME=a=b', 'a=b'],
    ['NAME=a # comment', 'a'],
    ['NAME=a#b', 'a'],
    ['NAME="a # b" # c', 'a # b'],
    ["NAME='a # b' # c", 'a # b'],
    ['NAME="  a  "', '  a  '],
    ['NAME="a \\"b\\" \\\\ \\$c \\`d\\`"', 'a "b" \\ $c `d`'],
    ['NAME="a\\nb\\u00e9"', 'a\nbé'],
    ['NAME="\\x41"', '\\x41'],
    ['NAME=\'a \\n "b"\'', 'a \\n "b"'],
    ['NAME=a\\nb', 'a\\nb'],
    ['NAME="a"b\'c\'', 'abc'],
    ['NAME="$HOME"', '$HOME'],
  ] as const)
    test(line, () => {
      assert.equal(parseOsRelease(`# comment\n\n${line}\n`).get('NAME'), value)
    })
})

describe('an invalid line', () => {
  for (const line of ['NAME', '=x', '1NAME=x', 'NA-ME=x', 'NA ME=x', 'NAME="abc', "NAME='abc", 'NAME="abc\\"', 'ÄB=x'])
    test(line, () => {
      assert.throws(() => parseOsRelease(`ID=x\n${line}\n`), { message: 'os-release: line 2 is not KEY=value' })
    })
})
