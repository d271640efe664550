import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** The size of a synthetic host. */
export interface Size {
  readonly cpus: number
  readonly networkDevices: number
  readonly disks: number
}

/** The large host of the budget in DESIGN.md, and half of it. */
export const half: Size = { cpus: 128, networkDevices: 250, disks: 100 }
export const whole: Size = { cpus: 256, networkDevices: 500, disks: 200 }

/** Files that do not grow with the size: copies of this host's. */
const fixed = [
  'loadavg',
  'meminfo',
  'net/arp',
  'net/netstat',
  'net/snmp',
  'net/snmp6',
  'net/sockstat',
  'net/sockstat6',
  'net/udp',
  'net/udp6',
  'pressure/cpu',
  'pressure/io',
  'pressure/memory',
  'self/mountinfo',
  'sys/fs/file-nr',
  'sys/kernel/random/entropy_avail',
  'sys/kernel/random/poolsize',
  'vmstat',
]

/** Writes the trees `proc`, `sys` and `udev` of a host and returns the flags that make an exporter read them. */
export function writeHost(folder: string, size: Size): readonly string[] {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(`${folder}/${path}`), { recursive: true })
    writeFileSync(`${folder}/${path}`, text)
  }
  for (const path of fixed) {
    const text = readOptional(`/proc/${path}`)
    if (text !== undefined) write(`proc/${path}`, text)
  }
  write('proc/1/mountinfo', readOptional('/proc/1/mountinfo') ?? readOptional('/proc/self/mountinfo') ?? '')
  mkdirSync(`${folder}/udev`, { recursive: true })
  writeCpus(write, size.cpus)
  writeNetwork(write, size.networkDevices)
  writeDisks(write, size.disks)
  return [`--path.procfs=${folder}/proc`, `--path.sysfs=${folder}/sys`, `--path.udev.data=${folder}/udev`]
}

type Write = (path: string, text: string) => void

function writeCpus(write: Write, count: number): void {
  const row = (cpu: number) => range(10, (column) => (cpu + 1) * 1_000_003 * (column + 1)).join(' ')
  const interrupts = range(2000, (i) => (i % 7 === 0 ? i * 31 : 0)).join(' ')
  const cpus = range(count, (cpu) => `cpu${cpu} ${row(cpu)}\n`).join('')
  const totals = 'ctxt 38014093\nbtime 1700000000\nprocesses 26442\nprocs_running 2\nprocs_blocked 1\n'
  const softirqs = `softirq 5057579 ${range(10, (i) => 250191 + i).join(' ')}\n`
  write('proc/stat', `cpu  ${row(count)}\n${cpus}intr 8885917 ${interrupts}\n${totals}${softirqs}`)
  const domains = (cpu: number) => range(9, (i) => cpu * 1009 + i).join(' ')
  write(
    'proc/schedstat',
    `version 15\ntimestamp 15819019232\n${range(count, (cpu) => `cpu${cpu} ${domains(cpu)}\n`).join('')}`,
  )
  const hexadecimal = (value: number) => value.toString(16).padStart(8, '0')
  const softnet = (cpu: number) => range(15, (i) => hexadecimal(i === 12 ? cpu : cpu * 7919 + i)).join(' ')
  write('proc/net/softnet_stat', range(count, (cpu) => `${softnet(cpu)}\n`).join(''))
  write('sys/devices/system/cpu/online', `0-${count - 1}\n`)
  write('sys/devices/system/cpu/offline', '\n')
  write('sys/devices/system/cpu/isolated', '\n')
  for (let cpu = 0; cpu < count; cpu++) writeCpu(write, cpu)
}

function writeCpu(write: Write, cpu: number): void {
  const files = {
    online: 1,
    'topology/core_id': cpu >> 1,
    'topology/physical_package_id': cpu >> 6,
    'thermal_throttle/core_throttle_count': cpu,
    'thermal_throttle/package_throttle_count': cpu >> 6,
    'cpufreq/cpuinfo_min_freq': 800_000,
    'cpufreq/cpuinfo_max_freq': 3_600_000,
    'cpufreq/scaling_cur_freq': 1_200_000 + cpu,
    'cpufreq/scaling_min_freq': 800_000,
    'cpufreq/scaling_max_freq': 3_600_000,
    'cpufreq/cpuinfo_transition_latency': 0,
    'cpufreq/affected_cpus': cpu,
    'cpufreq/related_cpus': cpu,
    'cpufreq/scaling_driver': 'intel_pstate',
    'cpufreq/scaling_setspeed': '<unsupported>',
    'cpufreq/scaling_governor': 'powersave',
    'cpufreq/scaling_available_governors': 'performance powersave',
  }
  for (const [file, value] of Object.entries(files)) write(`sys/devices/system/cpu/cpu${cpu}/${file}`, `${value}\n`)
}

const statistics =
  'collisions multicast rx_bytes rx_compressed rx_crc_errors rx_dropped rx_errors rx_fifo_errors rx_frame_errors ' +
  'rx_length_errors rx_missed_errors rx_nohandler rx_over_errors rx_packets tx_aborted_errors tx_bytes ' +
  'tx_carrier_errors tx_compressed tx_dropped tx_errors tx_fifo_errors tx_heartbeat_errors tx_packets tx_window_errors'

function writeNetwork(write: Write, count: number): void {
  const columns = (device: number) => range(16, (i) => (device + 1) * 104_729 * (i % 8 < 2 ? i + 1 : 0)).join(' ')
  const rows = range(count, (device) => `${`veth${device}`.padStart(8)}: ${columns(device)}\n`).join('')
  write('proc/net/dev', `Inter-|   Receive |  Transmit\n face |bytes packets|bytes packets\n${rows}`)
  for (let device = 0; device < count; device++) writeNetworkDevice(write, `sys/class/net/veth${device}`, device)
}

function writeNetworkDevice(write: Write, path: string, device: number): void {
  const files = {
    addr_assign_type: 3,
    address: `02:42:ac:11:${hex(device >> 8)}:${hex(device & 255)}`,
    broadcast: 'ff:ff:ff:ff:ff:ff',
    carrier: 1,
    carrier_changes: 2,
    carrier_down_count: 1,
    carrier_up_count: 1,
    dev_id: '0x0',
    dormant: 0,
    duplex: 'full',
    flags: '0x1003',
    ifalias: '',
    ifindex: device + 2,
    iflink: device + 1002,
    link_mode: 0,
    mtu: 1500,
    name_assign_type: 3,
    netdev_group: 0,
    operstate: 'up',
    speed: 10_000,
    tx_queue_len: 0,
    type: 1,
  }
  for (const [file, value] of Object.entries(files)) write(`${path}/${file}`, `${value}\n`)
  statistics.split(' ').forEach((file, i) => {
    write(`${path}/statistics/${file}`, `${device * i}\n`)
  })
}

function writeDisks(write: Write, count: number): void {
  const columns = (disk: number) => range(17, (i) => (disk + 1) * 7919 * (i + 1)).join(' ')
  write('proc/diskstats', range(count, (disk) => ` 259 ${disk} nvme${disk}n1 ${columns(disk)}\n`).join(''))
  for (let disk = 0; disk < count; disk++) {
    write(`sys/block/nvme${disk}n1/queue/rotational`, '0\n')
    const properties = `E:ID_MODEL=BENCH 3840\nE:ID_SERIAL=S${disk}\nE:ID_WWN=eui.${disk}\nE:ID_PATH=pci-0000:01:00.0-nvme-${disk}\n`
    write(`udev/b259:${disk}`, `S:disk/by-id/nvme-${disk}\nI:2063000\n${properties}`)
  }
}

const hex = (value: number) => value.toString(16).padStart(2, '0')
const range = <T>(length: number, of: (i: number) => T): readonly T[] => Array.from({ length }, (_, i) => of(i))

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // this kernel does not have the file
  }
}
