/** The directories and ports of one Mimir process. */
export interface Instance {
  readonly name: string
  /** Its data. */
  readonly directory: string
  readonly httpPort: number
  readonly grpcPort: number
  readonly gossipPort: number
}

/** The settings that all processes of one Mimir have in common. */
export interface ClusterOptions {
  readonly instances: readonly Instance[]
  /** Storage that all of them share. */
  readonly shared: string
  /** Limits of each tenant, read once a second. */
  readonly runtimeFile: string
  /** Rings in memberlist, which more than one process and the HA tracker need. */
  readonly memberlist: boolean
  /** More settings of the distributor. */
  readonly distributor: object
}

const host = '127.0.0.1'

/** The configuration of one process, which contains all components of Mimir, as JSON, which is YAML too. */
export function configOf(one: Instance, { instances, shared, runtimeFile, memberlist, distributor }: ClusterOptions) {
  const { name, directory, httpPort, grpcPort, gossipPort } = one
  const ring = { instance_addr: host, instance_id: name, kvstore: { store: memberlist ? 'memberlist' : 'inmemory' } }
  const replicated = { ...ring, replication_factor: instances.length }
  const storage = (kind: string) => ({ backend: 'filesystem', filesystem: { dir: `${shared}/${kind}` } })
  // An instance is ready at once, and the others notice soon that it is dead.
  const prompt = { min_ready_duration: '0s', final_sleep: '0s', heartbeat_period: '2s', heartbeat_timeout: '10s' }
  return JSON.stringify({
    target: 'all',
    multitenancy_enabled: true,
    activity_tracker: { filepath: `${directory}/activity.log` },
    usage_stats: { enabled: false },
    server: {
      http_listen_address: host,
      http_listen_port: httpPort,
      grpc_listen_address: host,
      grpc_listen_port: grpcPort,
      log_level: 'warn',
    },
    common: { storage: storage('common') },
    blocks_storage: {
      storage_prefix: 'blocks',
      filesystem: { dir: `${shared}/blocks` },
      bucket_store: { sync_dir: `${directory}/tsdb-sync` },
      tsdb: { dir: `${directory}/tsdb` },
    },
    compactor: { data_dir: `${directory}/compactor`, sharding_ring: ring },
    distributor: { ring, ...distributor },
    ingester: { ring: { ...replicated, ...prompt } },
    store_gateway: { sharding_ring: replicated },
    ruler: { rule_path: `${directory}/rules`, ring },
    ruler_storage: storage('ruler'),
    alertmanager: {
      data_dir: `${directory}/alertmanager`,
      external_url: `http://${host}:${httpPort}/alertmanager`,
      sharding_ring: { ...ring, replication_factor: 1 },
    },
    alertmanager_storage: storage('alertmanager'),
    query_scheduler: { ring },
    frontend: { address: host },
    memberlist: {
      node_name: name,
      bind_addr: [host],
      bind_port: gossipPort,
      advertise_addr: host,
      advertise_port: gossipPort,
      join_members: memberlist ? instances.map((other) => `${host}:${other.gossipPort}`) : [],
      abort_if_cluster_join_fails: false,
      rejoin_interval: '10s',
    },
    runtime_config: { file: runtimeFile, period: '1s' },
  })
}
