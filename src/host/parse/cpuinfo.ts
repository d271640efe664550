import { fields, lines } from '../fs/text.ts'

/** A CPU of /proc/cpuinfo. A text that the architecture does not have is empty. */
export interface CpuInfo {
  readonly cpu: string
  readonly package: string
  readonly core: string
  readonly vendor: string
  readonly family: string
  readonly model: string
  readonly modelName: string
  readonly microcode: string
  readonly stepping: string
  readonly cacheSize: string
  readonly megahertz: number | undefined
}

export interface Cpuinfo {
  readonly cpus: readonly CpuInfo[]
  /** Features of the first CPU that lists them. */
  readonly flags: readonly string[]
  readonly bugs: readonly string[]
}

/** `key : value` lines by key. Keys are in lower case, as architectures differ: `CPU MHz`, `cpu MHz`. */
type Block = Map<string, string>

/** The line that begins a CPU, and what follows its number. */
const begins = [
  /^processor\s*:\s*(\d+)\s*$/,
  // s390x lists all CPUs with their version, then a block for each.
  /^processor (\d+):/,
  /^cpu number\s*:\s*(\d+)\s*$/,
  // sparc has lines, not blocks: `Cpu1ClkTck : 000000009d6ca1e0`, `CPU1: online`.
  /^cpu(\d+)(?:bogo|clktck)?\s*:/i,
]

/**
 * Parses the form of every architecture: see show_cpuinfo in the kernel's arch/ARCH/kernel. Most print a block for each
 * CPU that begins with its number. Lines outside the blocks describe all CPUs or the board. The labels equal those of
 * node_exporter on that architecture, which has no information about sparc. Throws if the file lists no CPU.
 */
export function parseCpuinfo(text: string): Cpuinfo {
  const shared: Block = new Map()
  const blocks = new Map<string, Block>()
  let block = shared
  for (const line of lines(text)) {
    if (line.trim() === '') block = shared
    const cpu = begins.map((pattern) => pattern.exec(line)?.[1]).find((number) => number !== undefined)
    if (cpu !== undefined) {
      block = blocks.get(cpu) ?? new Map()
      blocks.set(cpu, block)
    }
    const end = line.indexOf(':')
    if (end === -1) continue
    const key = line.slice(0, end).trim().toLowerCase()
    const value = line.slice(end + 1).trim()
    // Old ARM kernels name the model of all CPUs: `Processor : AArch64 Processor rev 4 (aarch64)`.
    const isModel = key === 'processor' && cpu === undefined
    ;(isModel ? shared : block).set(isModel ? 'arm model' : key.replace(/^cpu\d+clktck$/, 'clktck'), value)
  }
  // An old ARM kernel without SMP does not number its CPU.
  if (blocks.size === 0 && shared.has('arm model')) blocks.set('0', new Map())
  if (blocks.size === 0) throw new Error('cpuinfo: the file lists no processor')
  const words = (...keys: readonly string[]) =>
    keys.flatMap((key) => fields([...blocks.values(), shared].find((one) => one.has(key))?.get(key) ?? ''))
  return {
    cpus: [...blocks].map(([cpu, own]) => infoOf(cpu, own, shared)),
    flags: words('flags', 'features'),
    bugs: words('bugs'),
  }
}

function infoOf(cpu: string, own: Block, shared: Block): CpuInfo {
  const of = (key: string) => own.get(key) ?? ''
  return {
    cpu,
    package: of('physical id'),
    core: of('core id') || of('hart'), // RISC-V
    vendor: of('vendor_id') || of('cpu') || (shared.get('vendor_id') ?? ''), // x86, PowerPC, s390x
    family: of('cpu family'),
    model: of('model'),
    modelName: modelNameOf(own, shared),
    microcode: of('microcode'),
    stepping: of('stepping'),
    cacheSize: of('cache size'),
    megahertz: megahertzOf(own),
  }
}

/** In turn: x86, ARM and LoongArch; MIPS; RISC-V (MIPS has an `isa` too); old ARM kernels; sparc. */
function modelNameOf(own: Block, shared: Block): string {
  const name = own.get('model name') ?? own.get('cpu model') ?? own.get('isa')
  return name ?? shared.get('arm model') ?? shared.get('cpu') ?? ''
}

/** `799.998`; PowerPC: `3491.000000MHz`; sparc: hertz in 16 hexadecimal digits on 64 bits, decimal on 32 bits. */
function megahertzOf(own: Block): number | undefined {
  const clockTicks = own.get('clktck')
  if (clockTicks !== undefined) return Number.parseInt(clockTicks, clockTicks.length === 16 ? 16 : 10) / 1e6
  const text = own.get('cpu mhz') ?? own.get('cpu mhz dynamic') ?? own.get('clock')
  return text === undefined ? undefined : Number.parseFloat(text)
}
