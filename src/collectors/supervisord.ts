import { collectEach, collector, text } from '../collector.ts'
import { callOf, resultOf, type Value } from '../host/index.ts'
import { gauge, undatedCounter } from '../metrics/index.ts'

const labelNames = ['group', 'name'] as const
const up = gauge('node_supervisord_up', 'Whether a process of supervisord is running.', labelNames)
const state = gauge('node_supervisord_state', 'State of a process, as supervisord numbers it.', labelNames)
const exitStatus = gauge('node_supervisord_exit_status', 'Last exit status of a process.', labelNames)
const started = undatedCounter('node_supervisord_start_time_seconds', 'When a running process was started.', labelNames)

/** http://supervisord.org/subprocess.html#process-states: STARTING, RUNNING, STOPPING */
const running = new Set([10, 20, 40])

/** http://supervisord.org/api.html#supervisor.rpcinterface.SupervisorNamespaceRPCInterface.getAllProcessInfo */
export default collector({
  name: 'supervisord',
  about: 'Reports the state and exit status of the processes of supervisord. Asks supervisord by XML-RPC.',
  enabled: false,
  deprecated: true,
  options: {
    url: text(
      'http://localhost:9001/RPC2',
      'URL of the XML-RPC interface of supervisord; unix:///path for a Unix socket.',
      {
        env: 'SUPERVISORD_URL',
      },
    ),
  },
  async collect({ services, options, emit, signal }) {
    const answer = await services.post(options.url, callOf('supervisor.getAllProcessInfo'), signal)
    collectEach(processesOf(await resultOf(answer)), (process) => {
      const one = infoOf(process)
      const labels = { group: one.group, name: one.name }
      emit(state, one.state, labels)
      emit(exitStatus, one.exitstatus, labels)
      emit(up, running.has(one.state) ? 1 : 0, labels)
      if (running.has(one.state)) emit(started, one.start, labels)
    })
  },
})

const shape = { group: 'string', name: 'string', state: 'number', exitstatus: 'number', start: 'number' } as const

interface Info {
  readonly group: string
  readonly name: string
  readonly state: number
  readonly exitstatus: number
  readonly start: number
}

function processesOf(result: Value): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(result)) throw new Error('supervisord: the result is not an array')
  return result
}

/** Checks the struct of one process. */
function infoOf(process: Readonly<Record<string, unknown>>): Info {
  for (const [name, type] of Object.entries(shape))
    if (typeof process[name] !== type)
      throw new Error(`supervisord: ${name} of a process is ${JSON.stringify(process[name])}, not a ${type}`)
  return process as unknown as Info // checked above, field by field
}
