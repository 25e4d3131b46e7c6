/**
 * Runs the heartbeat path a few thousand times on scratch data shortly after the start, so that the engine has compiled it
 * well before it matters: the first takeover then runs at full speed, and an idle daemon costs half the processor time
 * (at ten heartbeats a second it would take V8 many minutes to find the path worth compiling).
 *
 * Nothing here touches the real state, a socket or a script. It works in slices that are short beside a keepalive.
 */

import { instant, millis } from '../base/units.js'
import { initialState, nextDeadline, step } from '../cluster/step.js'
import type { ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import type { AuthKeys } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import { decodeDatagram, encodeNetstring } from '../wire/datagram.js'
import { wellHealth, type NodeView } from '../wire/ownership.js'
import { readHeard, statusMessage, type Sender } from '../wire/status.js'

const roundsMax = 3_000
const roundsPerSlice = 20
const pauseMs = millis(20)
/** The real daemon does its own first work before this begins. */
const delayMs = millis(2_000)

export interface WarmUpOptions {
  readonly clock: Clock
  readonly settings: ClusterSettings
  readonly sender: Sender
  readonly keys: AuthKeys
  /** False once the daemon is ending. */
  isWanted(): boolean
}

export function warmUp(options: WarmUpOptions): void {
  const scratch = new Scratch(options)
  let rounds = 0
  const slice = (): void => {
    for (let at = 0; at < roundsPerSlice; at += 1) scratch.round()
    rounds += roundsPerSlice
    if (rounds < roundsMax && options.isWanted()) options.clock.schedule(pauseMs, slice)
  }
  options.clock.schedule(delayMs, slice)
}

/** A cluster of paper: our core, and a peer that is heard every keepalive and holds nothing. */
class Scratch {
  readonly #options: WarmUpOptions
  #state: ClusterState
  #now = 0
  #peerSequence = 0

  constructor(options: WarmUpOptions) {
    this.#options = options
    this.#state = initialState(options.settings, instant(0))
  }

  round(): void {
    const { keys, sender, settings } = this.#options
    this.#now += settings.timing.keepaliveMs
    this.#peerSequence += 1
    const surroundings = { wallS: 1_700_000_000 + this.#peerSequence, load: '0.10 0.20 0.30 1/100 12345' }
    const view: NodeView = {
      phase: 'probing',
      acknowledged: { generation: settings.self.generation, sequence: Math.max(1, this.#state.sequence) },
      hearsPeer: true,
      groups: settings.groups.map(group => ({ id: group.id, digest: group.digest, state: 'unknown', epoch: 0, avoid: false, wanted: false, canServe: true })),
      health: wellHealth,
      agreement: settings.agreement
    }
    const status = { sequence: this.#peerSequence, status: 'up', deadtimeMs: settings.timing.deadtimeMs, view } as const
    const payload = encodeNetstring(statusMessage({ ...sender, name: settings.peerName }, status, surroundings), keys.active, { innerAuth: false })
    const decoded = decodeDatagram(payload, keys)
    const heard = decoded.ok ? readHeard(decoded.message) : null
    const now = instant(this.#now)
    if (heard !== null) for (const link of settings.links.keys()) this.#step({ kind: 'heard', now, link, heard })
    this.#step({ kind: 'tick', now })
    nextDeadline(this.#state, settings)
  }

  #step(event: ClusterEvent): void {
    this.#state = step(this.#state, event, this.#options.settings).state
  }
}
