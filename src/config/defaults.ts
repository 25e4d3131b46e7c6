/**
 * Every default of ha.cf in one table, each with its reason. A value that depends on another is a function of it.
 *
 * Source: Linux-HA 3.0.6; where we differ, the reason says so.
 */

import { millis, type Millis } from '../base/units.js'
import type { AutoFailback } from './types.js'

export const defaults = {
  /** Linux-HA's; one datagram a second and link costs nothing on any network. */
  keepaliveMs: millis(1000),
  /** Linux-HA's; long, since an administrator who set nothing has measured nothing. */
  deadtimeMs: millis(30_000),
  /** Linux-HA's; half the deadtime leaves time to read the warning before anything moves. */
  warntimeMs: (deadtimeMs: Millis): Millis => millis(Math.floor(deadtimeMs / 2)),
  /**
   * Linux-HA's table. It covers slow switches and slow boots of the peer; a peer that is heard ends the wait at once,
   * so only a node that starts alone ever waits this long.
   */
  initdeadMs: (deadtimeMs: Millis): Millis =>
    deadtimeMs > 10_000 ? deadtimeMs : deadtimeMs < 6_000 ? millis(12_000) : millis(2 * deadtimeMs),
  /** `ha-cluster` of /etc/services. Linux-HA looks the service up; the number is registered, so we do not. */
  udpport: 694,
  /** Linux-HA's when the directive is absent; a warning says so, since most files mean `on` or `off`. */
  autoFailback: 'legacy' as AutoFailback,
  /** Where Linux-HA's documents put it. Linux-HA without any log directive asks a log daemon that we do not need. */
  logfile: '/var/log/ha-log',
  debug: 0,
  /** Linux-HA's; a heartbeat that waits behind a busy process looks like a dead node. */
  realtime: true,
  /** The daemon's own choice within SCHED_RR. */
  rtprio: null,
  /** Linux-HA's; enters the `ttl` field, which nobody reads any more. */
  hopfudge: 1,
  /** Ours: the time that the OCF agents recommend for a mount, the slowest common resource. */
  startTimeoutMs: millis(60_000),
  /** Ours: as the start; an unmount writes back what the page cache holds. */
  stopTimeoutMs: millis(60_000),
  /** Ours: a status only looks, so a third suffices; the OCF agents recommend 10 to 30 s. */
  statusTimeoutMs: millis(20_000),
  /** Ours: Linux-HA tries 11 times and then reboots; three tries tell a busy mount from a broken one. */
  stopRetries: 3,
  /** Linux-HA's pause between its tries. */
  stopRetryDelayMs: millis(1_000),
  /** Ours: a management controller logs in, switches and verifies within 20 s; two tries and a second device must fit. */
  fenceTimeoutMs: millis(60_000),
  /** Ours: a controller that refuses a session often accepts the next one. */
  fenceRetries: 2,
  /** Ours: time for the node that holds more to switch the other one off first. */
  fenceDelayMs: millis(1_000),
  /** As `stonith` of Linux-HA does: the victim comes back as a standby. */
  fenceAction: 'reset' as 'reset' | 'off',
  /** Ours: every day at 3:00, when a failed login disturbs nobody and is seen before it is needed. */
  fenceTest: '0 3 * * *' as string | null
} as const

/** Fixed bounds that no directive moves. */
export const bounds = {
  /** Below this the timers of an ordinary kernel under load decide, not the peer. */
  keepaliveMinMs: millis(10),
  /** As `uname -n` allows. */
  nodeNameMax: 64,
  /** A UDP link each; more than this is a mistake in the file. */
  mediaMax: 16,
  /** The most groups and resources whose states fit one datagram with room to spare. */
  groupsMax: 64,
  resourcesPerGroupMax: 64,
  stopRetriesMax: 100,
  fenceTimeoutMinMs: millis(1_000),
  fenceRetriesMax: 10,
  fencingLevelsMax: 9,
  fencingDevicesMax: 16
} as const
