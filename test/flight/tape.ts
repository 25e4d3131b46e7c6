/** A flight file in memory for the tests: a disk that can hang, fail and tear, and lives of the simulated world on it. */

import { FlightRecorder, type FlightFile } from '../../src/flight/recorder.js'
import { fileHeader, headerBytes, readChunks } from '../../src/flight/ring.js'
import type { ClusterEvent, ClusterSettings, ClusterState } from '../../src/cluster/types.js'
import type { Clock } from '../../src/port/clock.js'
import { World, type WorldOptions } from '../sim/world.js'

/** The bytes of a flight file, and what its disk does with writes. */
export class Tape {
  readonly bytes: Buffer
  /** Writes wait until the test lets them go. */
  isHanging = false
  failure: Error | null = null
  writes = 0
  readonly #waiting: (() => void)[] = []

  constructor(sizeBytes: number) {
    this.bytes = Buffer.alloc(sizeBytes)
    fileHeader(sizeBytes).copy(this.bytes)
  }

  open(): Promise<FlightFile> {
    const newest = readChunks(this.bytes, true).at(-1)
    return Promise.resolve({
      last: { number: newest?.number ?? 0, to: newest?.to ?? headerBytes },
      sizeBytes: this.bytes.length,
      write: (bytes: Buffer, position: number) => this.#write(bytes, position),
      close: () => Promise.resolve()
    })
  }

  release(): void {
    this.isHanging = false
    for (const go of this.#waiting.splice(0)) go()
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    this.writes += 1
    if (this.isHanging) await new Promise<void>(resolve => this.#waiting.push(resolve))
    if (this.failure !== null) throw this.failure
    bytes.copy(this.bytes, position)
  }
}

export interface Lived {
  readonly event: ClusterEvent
  readonly before: ClusterState
  readonly state: ClusterState
}

export interface RecordedLife {
  readonly tape: Tape
  readonly settings: ClusterSettings
  readonly recorder: FlightRecorder
  readonly steps: Lived[]
  readonly troubles: string[]
}

/** A whole simulated life of the cluster with one node's flight recorded, each life of its daemon on a tape of its own. */
export async function recordedWorld(options: WorldOptions, tapeBytes = 2 * 1024 * 1024, name = 'alpha'): Promise<{ readonly world: World; readonly lives: readonly RecordedLife[] }> {
  const lives: RecordedLife[] = []
  const world: World = new World({
    ...options,
    observe: node => {
      if (node.name !== name) return null
      // The timer of the recorder would keep a simulated clock going; what waits is written at the end.
      const clock: Clock = { monotonic: () => world.clock.monotonic(), wall: () => world.clock.wall(), schedule: () => ({ cancel: () => undefined }) }
      const troubles: string[] = []
      const tape = new Tape(tapeBytes)
      const recorder = new FlightRecorder({ clock, settings: node.settings, sizeBytes: tapeBytes, open: () => tape.open(), onTrouble: sentence => troubles.push(sentence) })
      const steps: Lived[] = []
      lives.push({ tape, settings: node.settings, recorder, steps, troubles })
      return {
        before: (event, state) => recorder.before(event, state),
        after: (event, before, state) => {
          recorder.after(event, before, state)
          steps.push({ event, before, state })
        }
      }
    }
  })
  world.run()
  // The simulated world leaves no room between its events for a write: all of it is written now.
  for (const life of lives) await life.recorder.idle()
  return { world, lives }
}

/** One text for one value, whatever the order of members; of our own messages the raw fields are left out, which the core does not read. */
export const textOf = (value: unknown): string => JSON.stringify(value, (key, inner: unknown) => (key === 'message' ? null : canonical(inner)))

function canonical(value: unknown): unknown {
  if (value instanceof Map) return [...value]
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
