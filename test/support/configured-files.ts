import { ConfiguredFiles } from '../../src/host/index.ts'
import { systemClock } from '../../src/util/clock.ts'

/** A reader of configured files, as `readConfig` makes one. */
export const configuredFiles = () => new ConfiguredFiles({ clock: systemClock })
