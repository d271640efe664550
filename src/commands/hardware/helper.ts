import { collectors } from '../../collectors/index.ts'
import { serveHardware } from './serve.ts'

/** Runs the helper process. In the bundle, the list contains only the collectors that read hardware. */
export const serve = (): Promise<number> => serveHardware(collectors)
