/** The flight recorder in the daemon: watches the core, and answers `heartbeat why` and `heartbeat simulate`. */

import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import { flightPath, openFlightFile } from '../flight/file.js'
import { plainSettings, plainState } from '../flight/plain.js'
import { flightBytes, FlightRecorder } from '../flight/recorder.js'
import { nodeWhy, readNodeWhy, type NodeWhy } from '../flight/why.js'
import type { Clock } from '../port/clock.js'
import type { FlightSnapshot, WhyReport } from '../control/protocol.js'
import type { StepObserver } from './cluster-runner.js'

/** An operator who asks does not wait longer for a disk. */
const diskPatience = millis(2_000)

export interface FlightContext {
  readonly clock: Clock
  readonly settings: ClusterSettings
  readonly stateDir: string
  readonly version: string
  state(): ClusterState
  warn(sentence: string): void
}

export class Flight implements StepObserver {
  readonly #context: FlightContext
  readonly #recorder: FlightRecorder

  constructor(context: FlightContext) {
    this.#context = context
    this.#recorder = new FlightRecorder({
      clock: context.clock,
      settings: context.settings,
      sizeBytes: flightBytes,
      open: () => openFlightFile(flightPath(context.stateDir)),
      onTrouble: sentence => context.warn(sentence)
    })
  }

  before(event: ClusterEvent, state: ClusterState): void {
    this.#recorder.before(event, state)
  }

  after(event: ClusterEvent, before: ClusterState, state: ClusterState): void {
    this.#recorder.after(event, before, state)
  }

  /** What this node knows of why its groups are where they are. */
  why(): NodeWhy {
    const { clock, settings, state } = this.#context
    return nodeWhy({ settings, state: state(), chronicle: this.#recorder.chronicle, clock: { now: clock.monotonic(), wallMs: clock.wall() } })
  }

  /** This node's account as the peer asks for it. */
  account(): Uint8Array {
    return Buffer.from(JSON.stringify(this.why()), 'utf8')
  }

  /** Both nodes' accounts; `fetch` asks the peer and rejects with HaError when it does not say. */
  async report(fetch: () => Promise<Uint8Array>): Promise<WhyReport> {
    const { peerName } = this.#context.settings
    const own = this.why()
    if (this.#context.state().peer.standing.kind !== 'alive') return { own, peer: null, peerTrouble: `${peerName} is not heard now` }
    try {
      const peer = readNodeWhy(await fetch())
      return peer === null ? { own, peer, peerTrouble: `${peerName} answered in words that this version does not understand` } : { own, peer, peerTrouble: null }
    } catch (error) {
      if (!(error instanceof HaError)) throw error
      return { own, peer: null, peerTrouble: error.message }
    }
  }

  /** What a what-if begins from. What was recorded until now is with the operating system then, unless the disk hangs. */
  async snapshot(): Promise<FlightSnapshot> {
    const { clock, settings, state, version } = this.#context
    const deadline = new Promise<void>(resolve => {
      clock.schedule(diskPatience, resolve)
    })
    await Promise.race([this.#recorder.idle(), deadline])
    return { version, now: clock.monotonic(), wallMs: clock.wall(), settings: plainSettings(settings), state: plainState(state()), durations: this.#recorder.durations, lost: this.#recorder.lost }
  }

  close(): Promise<void> {
    return this.#recorder.close()
  }
}
