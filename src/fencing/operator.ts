/**
 * Meatware: a person who switches the node off and says so. Never succeeds by itself; the word comes through
 * `confirm` of fencing.ts, which ends the whole attempt.
 */

import { elapsed, millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import type { Device, DeviceWord, Effort } from './device.js'

export function createOperator(clock: Clock): Device {
  const wait = (victim: string, { until, signal }: Effort): Promise<DeviceWord> =>
    new Promise(resolve => {
      const end = (): void => {
        timer.cancel()
        signal.removeEventListener('abort', end)
        resolve({ ok: false, said: `no operator has confirmed that ${victim} is off (\`heartbeat confirm-off ${victim}\`)`, isFinal: true })
      }
      const timer = clock.schedule(millis(Math.max(0, elapsed(clock.monotonic(), until))), end)
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
    })
  return {
    description: 'meatware',
    isOperator: true,
    isCondition: false,
    off: wait,
    reset: null,
    on: victim => Promise.resolve({ ok: true, said: `the operator switches ${victim} on` }),
    test: () => Promise.resolve({ ok: false, said: 'a person cannot be tested' })
  }
}
