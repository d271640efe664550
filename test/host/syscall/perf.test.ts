import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { counters } from '../../../src/host/syscall/perf.ts'
import { libcOf } from '../../support/libc.ts'

const directory = mkdtempSync(join(tmpdir(), 'perf-'))
after(() => rmSync(directory, { recursive: true }))

const failing = (code: string) =>
  libcOf({
    perfEventOpen() {
      throw Object.assign(new Error(`${code}: syscall`), { code })
    },
  })

test('a counter is opened once for each event and processor, and closed at the end', () => {
  const path = join(directory, 'count')
  writeFileSync(path, Buffer.from('2a000000000000000700000000000000', 'hex'))
  const asked: string[] = []
  let closed = 0
  const counting = counters(
    libcOf({
      perfEventOpen(attributes, cpu) {
        asked.push(
          `${attributes.readUInt32LE(0)} ${attributes.readUInt32LE(4)} ${attributes.readBigUInt64LE(8)} on ${cpu}`,
        )
        return openSync(path, 'r')
      },
      close(fd) {
        closed++
        closeSync(fd)
      },
    }),
  )
  const event = { type: 3, config: 0x10002 }
  assert.deepEqual([counting.count(event, 0), counting.count(event, 0), counting.count(event, 1)], [42, 7, 42])
  assert.equal(counting.count(event, 0), undefined, 'nothing more to read: the processor is gone')
  assert.deepEqual(asked, ['3 64 65538 on 0', '3 64 65538 on 1'])
  counting.close()
  assert.equal(closed, 2)
})

test('an event that the processor does not support is omitted, and not opened again', () => {
  let asked = 0
  const libc = failing('ENOENT')
  const counting = counters({
    ...libc,
    perfEventOpen(...given) {
      asked++
      return libc.perfEventOpen(...given)
    },
  })
  assert.equal(counting.count({ type: 0, config: 0 }, 0), undefined)
  assert.equal(counting.count({ type: 0, config: 0 }, 0), undefined)
  assert.equal(asked, 1)
})

test('the error of a missing permission names the remedy', () => {
  assert.throws(() => counters(failing('EACCES')).count({ type: 0, config: 0 }, 0), /CAP_PERFMON.*perf_event_paranoid/)
  assert.throws(() => counters(failing('EMFILE')).count({ type: 0, config: 0 }, 0), { code: 'EMFILE' })
})
