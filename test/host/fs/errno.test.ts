import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { test } from 'node:test'
import { errnoText, goText } from '../../../src/host/fs/errno.ts'

test("texts of glibc, musl and BusyBox become Go's texts", () => {
  const said = {
    'Permission denied': 'permission denied',
    'No such file or directory': 'no such file or directory',
    'Stale file handle': 'stale NFS file handle',
    'Transport endpoint is not connected': 'transport endpoint is not connected',
    'Socket not connected': 'transport endpoint is not connected',
    'Input/output error': 'input/output error',
    'I/O error': 'input/output error',
    'Host is down': 'host is down',
    'Host is unreachable': 'no route to host',
    'Operation timed out': 'connection timed out',
  }
  for (const [words, text] of Object.entries(said)) assert.equal(goText(words), text)
})

test('unknown texts only lose their capital letter', () => {
  assert.equal(goText('Key of a later kernel'), 'key of a later kernel')
  assert.equal(goText('RFS specific error'), 'RFS specific error')
})

test("an unknown errno has Go's text", () => {
  assert.equal(goText('Unknown error 524'), 'errno 524')
  assert.equal(errnoText(Object.assign(new Error('Unknown system error -524'), { errno: -524 })), 'errno 524')
})

test("errors of system calls have Go's text by errno, also without a name in Node", () => {
  const thrown = (path: string) => {
    try {
      statfsSync(path)
    } catch (error) {
      return errnoText(error)
    }
    return ''
  }
  assert.equal(thrown('/nowhere/at/all'), 'no such file or directory')
  assert.equal(thrown('/proc/version/below'), 'not a directory')
  assert.equal(thrown('/with\0zero'), 'invalid argument')
  assert.equal(
    errnoText(Object.assign(new Error('Unknown system error -116'), { errno: -116 })),
    'stale NFS file handle',
  )
})
