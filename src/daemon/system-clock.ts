/**
 * The real clock: the one place, beside the simulator's virtual clock, that reads the time and arms timers.
 */

import type { Clock, Scheduled } from '../port/clock.js'
import { instant } from '../base/units.js'
import type { Millis } from '../base/units.js'

/** setTimeout takes at most 2^31-1 ms and fires at once for more; waiting that long is the same as waiting longer. */
const delayMsMax = 2 ** 31 - 1
/**
 * The event loop counts whole milliseconds of its own, so a timer may fire up to one too early: a deadline that is found
 * not to have come yet costs a whole awakening, for nothing.
 */
const timerErrorMs = 1

export const systemClock: Clock = {
  monotonic: () => instant(performance.now()),
  wall: () => Date.now(),
  schedule(delay: Millis, callback: () => void): Scheduled {
    const timer = setTimeout(callback, Math.min(Math.ceil(delay) + timerErrorMs, delayMsMax))
    return { cancel: () => clearTimeout(timer) }
  }
}
