import assert from 'node:assert/strict'
import { test } from 'node:test'
import interrupts from '../../src/collectors/interrupts.ts'
import { collect, collectAll } from '../support/collect.ts'

const text =
  '           CPU0       CPU2\n  0:         18          0  IR-IO-APIC-edge      timer\n' +
  ' 16:          0          5  IR-IO-APIC-fasteoi   ehci_hcd:usb1,   mmc0\n  7:   1 2 edge\nNMI:   47   50   Non-maskable interrupts\nERR:          0\nFOO:   1   2\n'
const given = (text: string, options = {}) => ({ proc: { interrupts: text }, options })
const types = (lines: readonly string[]) => [...new Set(lines.map((line) => /type="(\w+)"/.exec(line)?.[1]))]

test('a numbered interrupt has a controller and devices, a named one a description', async () => {
  assert.deepEqual(await collect(interrupts, given(text)), [
    'node_interrupts_total{cpu="0",devices="",info="Non-maskable interrupts",type="NMI"} 47',
    'node_interrupts_total{cpu="0",devices="",info="edge",type="7"} 1',
    'node_interrupts_total{cpu="0",devices="ehci_hcd:usb1, mmc0",info="IR-IO-APIC-fasteoi",type="16"} 0',
    'node_interrupts_total{cpu="0",devices="timer",info="IR-IO-APIC-edge",type="0"} 18',
    'node_interrupts_total{cpu="1",devices="",info="Non-maskable interrupts",type="NMI"} 50',
    'node_interrupts_total{cpu="1",devices="",info="edge",type="7"} 2',
    'node_interrupts_total{cpu="1",devices="ehci_hcd:usb1, mmc0",info="IR-IO-APIC-fasteoi",type="16"} 5',
    'node_interrupts_total{cpu="1",devices="timer",info="IR-IO-APIC-edge",type="0"} 0',
  ])
})

test('patterns match name, info and devices; both patterns may be set', async () => {
  const options = { 'name-include': '^(NMI|\\d+);', 'name-exclude': ';timer$' }
  assert.deepEqual(types(await collect(interrupts, given(text, options))), ['NMI', '7', '16'])
})

test('zeros can be left out', async () => {
  const lines = await collect(interrupts, given(text, { 'include-zeros': false }))
  assert.deepEqual([lines.length, lines.filter((line) => line.endsWith(' 0'))], [6, []])
})

test('a missing, empty or invalid file is a failure', async () => {
  assert.match(String((await collectAll(interrupts, {})).logged), /failed.*ENOENT/)
  assert.match(String((await collectAll(interrupts, given(''))).logged), /failed.*empty/)
  assert.match(
    String((await collectAll(interrupts, given('CPU0\n0: x a b\n'))).logged),
    /interrupts: 0: .* not a number/,
  )
})
