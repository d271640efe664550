import type { Terminal } from '../command.ts'
import { counted } from '../counted.ts'
import type { Fate } from '../run/fate.ts'

/** Exit statuses of a batch command: all is delivered, some of it is lost, some of it waits in the buffer. */
const status = { delivered: 0, lost: 1, kept: 3 } as const

/** Says in one line what became of the samples, and gives the exit status. */
export function told(fates: readonly Fate[], samples: number, { out, err }: Terminal): number {
  const ill = (kind: 'lost' | 'kept') =>
    fates
      .filter((one) => one[kind] > 0)
      .map(
        ({ name, url, reason, ...one }) =>
          `${one[kind]} of ${counted(samples, 'sample')} for ${name} (${url}): ${reason}`,
      )
      .join('; ')
  const whole = fates.filter(({ lost, kept }) => lost + kept === 0)
  const delivered = whole.map(({ name, url }) => `${name} (${url})`).join(', ')
  const parts = [
    ...parted('lost', ill('lost')),
    ...parted('kept in the buffer for the agent or the next command to deliver', ill('kept')),
    ...parted('delivered', delivered && `${counted(samples, 'sample')} to ${delivered}`),
  ]
  const outcome = fates.some(({ lost }) => lost > 0)
    ? 'lost'
    : fates.some(({ kept }) => kept > 0)
      ? 'kept'
      : 'delivered'
  const line = `hostpush: ${parts.join('; ')}\n`
  if (outcome === 'delivered') out(line)
  else err(line)
  return status[outcome]
}

const parted = (word: string, text: string) => (text === '' ? [] : [`${word}: ${text}`])
