import { collectEach, collector, collectParts, parseEach, pattern } from '../collector.ts'
import { lines, numberOf } from '../host/index.ts'

import { type Family, type Filter, familyOf, filterOf, untyped } from '../metrics/index.ts'

const statistic = familyOf((key) => untyped(`node_netstat_${key}`, `${key} of /proc/net/netstat, snmp or snmp6.`))

const defaultFields =
  '^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|' +
  'TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|' +
  'Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|' +
  'Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$'

/** https://docs.kernel.org/networking/snmp_counter.html */
export default collector({
  name: 'netstat',
  about: 'Reports IP, TCP, UDP and ICMP counters. Reads /proc/net/netstat, /proc/net/snmp and /proc/net/snmp6.',
  options: {
    fields: pattern(defaultFields, 'Fields to report, as Protocol_Field.'),
  },
  state: ({ fields }) => ({ isIncluded: filterOf(fields, undefined), tables: new Map<string, Table>() }),
  collect({ proc, emit, state: { isIncluded, tables } }) {
    const inTables = (file: string) => {
      collectEach(parseTables(proc.read(file)), ([protocol, header, row]) => {
        let table = tables.get(protocol)
        if (table?.header !== header) tables.set(protocol, (table = tableOf(protocol, header, isIncluded)))
        const values = row.split(' ')
        if (values.length !== table.width) throw new Error(`${file}: names and values of ${protocol} do not match`)
        for (const [at, family] of table.columns)
          emit(
            family,
            numberOf(values[at] ?? '', () => family.name),
          )
      })
    }
    const inSnmp6 = () => {
      // Does not exist if IPv6 is disabled.
      collectEach(parseSnmp6(proc.readIfAny('net/snmp6') ?? ''), ([key, value]) => {
        if (!isIncluded(key)) return
        const number = numberOf(value, () => key)
        emit(statistic(key), number)
      })
    }
    collectParts(
      () => inTables('net/netstat'),
      () => inTables('net/snmp'),
      inSnmp6,
    )
  },
})

/** The reported columns of a protocol, about a tenth of 300. Computed when the header changes. */
interface Table {
  readonly header: string
  readonly width: number
  readonly columns: readonly (readonly [at: number, family: Family<never>])[]
}

function tableOf(protocol: string, header: string, isIncluded: Filter): Table {
  const names = header.split(' ')
  const columns = names.flatMap((name, at) => {
    const key = `${protocol}_${name}`
    return isIncluded(key) ? [[at, statistic(key)] as const] : []
  })
  return { header, width: names.length, columns }
}

/** Two lines per protocol: `Ip: Forwarding DefaultTTL` with names, then `Ip: 1 64`. */
export function parseTables(text: string): Generator<readonly [protocol: string, header: string, row: string]> {
  const all = lines(text)
  const headers = all.entries().filter(([i]) => i % 2 === 0)
  return parseEach(headers, ([i, header]) => {
    const row = all[i + 1] ?? ''
    const colon = header.indexOf(': ')
    if (colon === -1) throw new Error(`netstat: ${JSON.stringify(header.slice(0, 80))} is not a list of names`)
    return [header.slice(0, colon), header.slice(colon + 2), row.slice(row.indexOf(': ') + 2)]
  })
}

/** `Icmp6InMsgs   5`: the protocol ends with the first 6. */
export function* parseSnmp6(text: string): Generator<[key: string, value: string]> {
  for (const line of lines(text)) {
    const space = line.search(/\s/)
    const end = line.indexOf('6') + 1
    if (end > 0 && end <= space) yield [`${line.slice(0, end)}_${line.slice(end, space)}`, line.slice(space).trim()]
  }
}
