/** Single modules of prom-client: the whole package costs 6 MB more (a push client, cluster support, OpenTelemetry's API). */
declare module 'prom-client/lib/registry.js' {
  import { Registry } from 'prom-client'
  export default Registry
}
declare module 'prom-client/lib/gauge.js' {
  import { Gauge } from 'prom-client'
  export default Gauge
}
declare module 'prom-client/lib/counter.js' {
  import { Counter } from 'prom-client'
  export default Counter
}
declare module 'prom-client/lib/metrics/*.js' {
  import type { Registry } from 'prom-client'
  export default function register(registry: Registry): void
}
