import { type ExecFileSyncOptions, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expositionOf, type Peer } from '../compare.ts'

/** A host made of two network namespaces: batch lines for ip(8) and tc(8). */
export interface Network {
  readonly ip: readonly string[]
  readonly tc?: readonly string[]
}

/** The name of the near namespace; disposal removes both. */
export interface NetworkNamespace extends Disposable {
  readonly name: string
}

const quiet: ExecFileSyncOptions = { stdio: ['pipe', 'ignore', 'pipe'] }

/** Creates the namespaces; throws if that fails. Lines that this kernel does not support are skipped. */
export function makeNetwork({ ip, tc = [] }: Network): NetworkNamespace {
  const near = `hostpush-${process.pid}`
  const far = `${near}-far`
  for (const name of [near, far]) execFileSync('ip', ['netns', 'add', name], quiet)
  const batch = (file: string, namespace: string, all: readonly string[]) => {
    try {
      execFileSync(file, ['-n', namespace, '-force', '-batch', '-'], { ...quiet, input: all.join('\n') })
    } catch {
      // this kernel does not support one of the lines
    }
  }
  batch('ip', far, ['link set lo up'])
  batch('ip', near, ['link set lo up', `link add v0 type veth peer name v1 netns ${far}`, ...ip])
  batch('ip', far, ['addr add 10.9.0.2/24 dev v1', 'addr add fd00:9::2/64 dev v1 nodad', 'link set v1 up'])
  batch('tc', near, tc)
  return {
    name: near,
    [Symbol.dispose]() {
      for (const name of [near, far]) execFileSync('ip', ['netns', 'del', name], quiet)
    },
  }
}

/** The output of both programs in the namespace. */
export function readBoth(namespace: string, program: string, flags: readonly string[]) {
  const args = ['netns', 'exec', namespace, process.execPath, join(import.meta.dirname, 'in-namespace.ts'), program]
  const output = execFileSync('ip', [...args, '--collector.disable-defaults', ...flags], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const { before, ours, after } = JSON.parse(output) as Record<'before' | 'ours' | 'after', string>
  const peer: Peer = { before: expositionOf(before), after: expositionOf(after) }
  return { peer, ours: expositionOf(ours) }
}

/** Interfaces, routes, neighbours and queues of many kinds; in-namespace.ts adds sockets. */
export const network: Network = {
  ip: [
    'link add br0 type bridge',
    'link add v2 type veth peer name v3',
    'link add d1 type veth peer name d2',
    'link set v2 master br0',
    'tuntap add dev tap0 mode tap',
    'tuntap add dev tap1 mode tap',
    'addr add 10.9.0.1/24 dev v0',
    'addr add 10.8.0.1/24 dev br0',
    'addr add 10.7.0.1 peer 10.7.0.2/32 dev d1',
    'addr add fd00:9::1/64 dev v0 nodad',
    'addr add fd00:8::1/64 dev br0 nodad',
    ...['v0', 'br0', 'v2', 'v3'].map((name) => `link set ${name} up`),
    'link set v0 alias up"link"ü',
    'link set d1 mode dormant',
    'link set d2 group 7',
    'link property add dev v0 altname another-name-of-veth',
    'route add default via 10.9.0.2 dev v0 src 10.9.0.1 metric 100',
    'route add 10.20.0.0/16 via 10.9.0.2 proto dhcp',
    'route add 10.21.0.0/16 proto bgp nexthop via 10.9.0.2 dev v0 weight 3 nexthop via 10.8.0.9 dev br0 weight 5',
    'route add 10.22.0.0/16 dev v0 table 77 proto 123',
    'route add 10.20.0.0/16 via 10.9.0.2 proto dhcp table 78',
    'route add unreachable 10.23.0.0/16',
    'route add blackhole 10.24.0.0/16',
    'route add 10.25.0.0/16 via inet6 fd00:9::2 dev v0',
    'route add 0.0.0.0/8 dev v0',
    'route add fd00:20::/48 via fd00:9::2 dev v0',
    'route add default via fd00:9::2 dev v0',
    'route add fd00:21::/48 nexthop via fd00:9::2 dev v0 weight 2 nexthop via fd00:8::9 dev br0 weight 7',
    'nexthop add id 5 via 10.9.0.2 dev v0',
    'nexthop add id 6 via 10.8.0.7 dev br0',
    'nexthop add id 7 group 5,10/6,20',
    'route add 10.26.0.0/16 nhid 5',
    'route add 10.27.0.0/16 nhid 7',
    'neigh add 10.9.0.50 lladdr 02:00:00:00:00:50 dev v0 nud permanent',
    'neigh add 10.9.0.51 lladdr 02:00:00:00:00:51 dev v0 nud noarp',
    'neigh add 10.9.0.52 dev v0 nud none',
    'neigh add 10.9.0.53 lladdr 02:00:00:00:00:53 dev v0 nud failed',
    'neigh add 10.8.0.50 lladdr 02:00:00:00:00:50 dev br0 nud stale',
    'neigh add proxy 10.9.0.60 dev v0',
  ],
  tc: [
    'qdisc add dev v0 root handle 1: htb default 1',
    'class add dev v0 parent 1: classid 1:1 htb rate 1mbit',
    'qdisc add dev v0 parent 1:1 handle 10: pfifo limit 5',
    'qdisc add dev v0 handle ffff: ingress',
    'qdisc add dev v2 root tbf rate 100kbit burst 2kb limit 4kb',
  ],
}
