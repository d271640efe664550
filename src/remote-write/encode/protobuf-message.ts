/** Message types, named as in Prometheus. `auto` negotiates the version with the receiver. */
export const protobufMessages = ['auto', 'prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const
export type ProtobufMessage = (typeof protobufMessages)[number]

/** Metadata that remote-write 2.0 sends with each series. `periodic`: all, in one request of each `send_interval`. */
export const inlineKinds = ['full', 'periodic', 'types_only', 'none'] as const
export type Inline = (typeof inlineKinds)[number]

/** Metadata of one request. */
export type RequestMetadata = Exclude<Inline, 'periodic'>
