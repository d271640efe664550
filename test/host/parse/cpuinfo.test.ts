import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CpuInfo, parseCpuinfo } from '../../../src/host/parse/cpuinfo.ts'

/** What a test expects of each CPU: all other texts are empty. */
type Some = Partial<CpuInfo>

const none = {
  package: '',
  core: '',
  vendor: '',
  family: '',
  model: '',
  modelName: '',
  microcode: '',
  stepping: '',
  cacheSize: '',
  megahertz: undefined,
}

/** The form is that of show_cpuinfo of the architecture, the labels are those of node_exporter on it. */
function expect(text: string, cpus: readonly Some[], flags: readonly string[] = []): void {
  const found = parseCpuinfo(text)
  const wanted = cpus.map((some, i) => ({ ...none, cpu: String(i), ...some }))
  assert.deepEqual(found.cpus, wanted)
  assert.deepEqual(found.flags, flags)
}

test('old AArch64 vendor kernels name the model once and have no block for each CPU', () => {
  const modelName = 'AArch64 Processor rev 4 (aarch64)'
  expect(
    `Processor\t: AArch64 Processor rev 4 (aarch64)
processor\t: 0
processor\t: 1
processor\t: 2
processor\t: 3
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd03

Hardware\t: Example Board
`,
    [{ modelName }, { modelName }, { modelName }, { modelName }],
    ['fp', 'asimd', 'evtstrm', 'aes', 'pmull', 'sha1', 'sha2', 'crc32'],
  )
})

test('AArch64 has a block for each CPU; the model of the board is not the model of a CPU', () => {
  const block = (id: number) => `processor\t: ${id}
BogoMIPS\t: 108.00
Features\t: fp asimd
CPU implementer\t: 0x41
CPU part\t: 0xd08

`
  expect(
    `${block(0)}${block(1)}Revision\t: c03114\nSerial\t\t: 100\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n`,
    [{}, {}],
    ['fp', 'asimd'],
  )
})

test('ARMv7: old kernels name the model before the blocks and the features after them', () => {
  const modelName = 'ARMv7 Processor rev 5 (v7l)'
  expect(
    `Processor\t: ARMv7 Processor rev 5 (v7l)
processor\t: 0
BogoMIPS\t: 2400.00

processor\t: 1
BogoMIPS\t: 2400.00

Features\t: swp half thumb
CPU implementer\t: 0x41

Hardware\t: sun8i
`,
    [{ modelName }, { modelName }],
    ['swp', 'half', 'thumb'],
  )
})

test('ARMv7: new kernels have the model and the features in each block', () => {
  expect(
    `processor\t: 0
model name\t: ARMv7 Processor rev 2 (v7l)
BogoMIPS\t: 50.52
Features\t: half thumb

processor\t: 1
model name\t: ARMv7 Processor rev 2 (v7l)
Features\t: half thumb

Hardware\t: Marvell Armada 370/XP (Device Tree)
`,
    [{ modelName: 'ARMv7 Processor rev 2 (v7l)' }, { modelName: 'ARMv7 Processor rev 2 (v7l)' }],
    ['half', 'thumb'],
  )
})

test('ARMv6: an old kernel without SMP does not number its CPU', () => {
  expect(
    `Processor\t: ARMv6-compatible processor rev 5 (v6l)
BogoMIPS\t: 791.34
Features\t: swp half thumb fastmult vfp edsp java
CPU implementer\t: 0x41
CPU architecture: 6TEJ

Hardware\t: IMAPX200
Revision\t: 0000
Serial\t\t: 0000000000000000
`,
    [{ modelName: 'ARMv6-compatible processor rev 5 (v6l)' }],
    ['swp', 'half', 'thumb', 'fastmult', 'vfp', 'edsp', 'java'],
  )
})

test('RISC-V: the hart is the core, the instruction set is the model', () => {
  expect(
    `processor\t: 0
hart\t\t: 2
isa\t\t: rv64imafdc
mmu\t\t: sv39
uarch\t\t: sifive,u54-mc
mvendorid\t: 0x489

processor\t: 1
hart\t\t: 1
isa\t\t: rv64imafdc
mmu\t\t: sv39

`,
    [
      { core: '2', modelName: 'rv64imafdc' },
      { core: '1', modelName: 'rv64imafdc' },
    ],
  )
})

test('s390x lists the CPUs twice: with their version, and with their place and frequency', () => {
  const vendor = 'IBM/S390'
  expect(
    `vendor_id       : IBM/S390
# processors    : 2
bogomips per cpu: 3033.00
max thread id   : 0
features\t: esan3 zarch stfle 
facilities      : 0 1 2
cache0          : level=1 type=Data scope=Private size=128K line_size=256 associativity=8
processor 0: version = FF,  identification = 2733E8,  machine = 2964
processor 1: version = FF,  identification = 2733E8,  machine = 2964

cpu number      : 0
physical id     : 2
core id         : 0
book id         : 2
siblings        : 8
cpu cores       : 8
cpu MHz dynamic : 5000
cpu MHz static  : 5200

cpu number      : 1
physical id     : 2
core id         : 1
cpu MHz dynamic : 5000
cpu MHz static  : 5200

`,
    [
      { vendor, package: '2', core: '0', megahertz: 5000 },
      { vendor, package: '2', core: '1', megahertz: 5000 },
    ],
    ['esan3', 'zarch', 'stfle'],
  )
})

test('PowerPC: the CPU is the vendor, the clock has a unit, and the model of the machine is not that of a CPU', () => {
  const vendor = 'POWER7 (architected), altivec supported'
  expect(
    `processor\t: 0
cpu\t\t: POWER7 (architected), altivec supported
clock\t\t: 3491.000000MHz
revision\t: 2.1 (pvr 003f 0201)

processor\t: 1
cpu\t\t: POWER7 (architected), altivec supported
clock\t\t: 3491.000000MHz
revision\t: 2.1 (pvr 003f 0201)

timebase\t: 512000000
platform\t: pSeries
model\t\t: IBM,8233-E8B
machine\t\t: CHRP IBM,8233-E8B
`,
    [
      { vendor, megahertz: 3491 },
      { vendor, megahertz: 3491 },
    ],
  )
})

test('LoongArch writes its keys with capital letters, after the type of the system', () => {
  const cpu = { family: 'Loongson-64bit', modelName: 'Loongson-3A5000', megahertz: 2500 }
  const block = (id: number) => `processor\t\t: ${id}
package\t\t\t: 0
core\t\t\t: ${id}
global_id\t\t: ${id}
CPU Family\t\t: Loongson-64bit
Model Name\t\t: Loongson-3A5000
CPU Revision\t\t: 0x10
FPU Revision\t\t: 0x00
CPU MHz\t\t\t: 2500.00
BogoMIPS\t\t: 5000.00
ISA\t\t\t: loongarch32s loongarch64
Features\t\t: cpucfg lam
Hardware Watchpoint\t: yes, iwatch count: 8, dwatch count: 8

`
  expect(`system type\t\t: generic-loongson-machine\n\n${block(0)}${block(1)}`, [cpu, cpu], ['cpucfg', 'lam'])
})

test('MIPS: the first block begins with the type of the system', () => {
  const modelName = 'Cavium Octeon+ V0.1'
  const block = (id: number) => `processor\t\t: ${id}
cpu model\t\t: Cavium Octeon+ V0.1
BogoMIPS\t\t: 1000.00
wait instruction\t: yes
isa\t\t\t: mips1 mips2 mips3
ASEs implemented\t:
package\t\t\t: 0
core\t\t\t: ${id}
VCED exceptions\t\t: not available

`
  expect(`system type\t\t: UBNT_E100\nmachine\t\t\t: Unknown\n${block(0)}${block(1)}`, [{ modelName }, { modelName }])
})

test('sparc has lines for each CPU, and the name of all', () => {
  const modelName = 'UltraSparc T5 (Niagara5)'
  expect(
    `cpu\t\t: UltraSparc T5 (Niagara5)
fpu\t\t: UltraSparc T5 integrated FPU
pmu\t\t: niagara5
prom\t\t: OBP 4.35.0 2013/09/05 09:43
type\t\t: sun4v
ncpus probed\t: 2
ncpus active\t: 2
D$ parity tl1\t: 0
cpucaps\t\t: flush,stbar,swap
Cpu0ClkTck\t: 00000000d693a400
Cpu1ClkTck\t: 00000000d693a400
MMU Type\t: Hypervisor (sun4v)
MMU PGSZs\t: 8K,64K,4MB,256MB
State:
CPU0:\t\tonline
CPU1:\t\tonline
`,
    [
      { modelName, megahertz: 3600 },
      { modelName, megahertz: 3600 },
    ],
  )
  const old =
    'cpu\t\t: Fujitsu MB86904\nncpus active\t: 1\nCPU0Bogo\t: 109.77\nCPU0ClkTck\t: 110000000\nMMU type\t: Fujitsu Swift\n'
  expect(old, [{ modelName: 'Fujitsu MB86904', megahertz: 110 }])
})

test('a file without a CPU is an error', () => {
  for (const text of ['', 'hello\n', 'vendor_id : x\n', ': \n\n:'])
    assert.throws(() => parseCpuinfo(text), /lists no processor/)
})
