import { defineMessages } from '../../util/log.ts'

export const messages = defineMessages('systemd', {
  notifyFailed: {
    level: 'warn',
    text: 'Notifying systemd failed',
    meaning:
      'systemd does not know that the agent is ready and alive. With `Type=notify` the start times out; with ' +
      '`WatchdogSec=` systemd restarts the agent.',
    data: 'none',
    action: 'Check that the socket exists and that the unit sets `NotifyAccess=main`, or `all` without koffi.',
  },
})
