/** The helper process of hardware-agent.ts: only its collectors, so that it starts fast from source. */

import dmi from '../../src/collectors/dmi.ts'
import hwmon from '../../src/collectors/hwmon.ts'
import powersupplyclass from '../../src/collectors/powersupplyclass.ts'
import thermalZone from '../../src/collectors/thermal-zone.ts'
import { serveHardware } from '../../src/commands/hardware/serve.ts'

await serveHardware([dmi, hwmon, powersupplyclass, thermalZone])
