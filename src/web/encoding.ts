/**
 * Whether gzip is liked better than nothing (RFC 9110, 12.5.3), with node_exporter's reading of a tie: no compression.
 */
export function wantsGzip(acceptEncoding: string): boolean {
  const liking = (coding: string) => {
    const weights = acceptEncoding.split(',').map((part) => {
      const [, name = '', weight = '1'] = /^\s*([^\s;]+)\s*(?:;\s*q=([\d.]+)\s*)?$/.exec(part) ?? []
      return name === '*' || name.toLowerCase() === coding ? Number(weight) : 0
    })
    return Math.max(...weights)
  }
  return liking('gzip') > liking('identity')
}

/** At the fastest level: a third of the work of the usual one for a sixth more bytes. Done off the event loop. */
export async function gzipped(page: Buffer): Promise<Buffer> {
  const { gzip } = await import('node:zlib')
  return new Promise((resolve, reject) => {
    gzip(page, { level: 1 }, (error, bytes) => (error === null ? resolve(bytes) : reject(error)))
  })
}
