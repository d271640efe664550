import assert from 'node:assert/strict'
import { test } from 'node:test'
import kernelHung from '../../src/collectors/kernel-hung.ts'
import { collect, collectAll } from '../support/collect.ts'

const given = (text: string) => ({ proc: { 'sys/kernel/hung_task_detect_count': text } })

test('it counts hung tasks', async () => {
  assert.deepEqual(await collect(kernelHung, given('5\n')), ['node_kernel_hung_tasks_total 5'])
})

test('an older kernel gives no data, an invalid number is a failure', async () => {
  assert.match(String((await collectAll(kernelHung, {})).logged), /no data/)
  assert.match(String((await collectAll(kernelHung, given('\n'))).logged), /failed.*is not a number/)
})
