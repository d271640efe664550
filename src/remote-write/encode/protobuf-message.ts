/** What requests an endpoint sends, in Prometheus's words; `auto` finds out what the receiver takes. */
export const protobufMessages = ['auto', 'prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const
export type ProtobufMessage = (typeof protobufMessages)[number]

/** What of a family each series of remote-write 2.0 carries with it. */
export const inlineKinds = ['full', 'types_only', 'none'] as const
export type Inline = (typeof inlineKinds)[number]
