/**
 * Turns a ring file back into lives of the daemon, and lives them again through the production core.
 *
 * The core is a function of its state, its settings and its events, so a checkpoint and the events after it give every
 * state, every effect and every log line of that time again.
 */

import { elapsed, type Instant } from '../base/units.js'
import { step } from '../cluster/step.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState } from '../cluster/types.js'
import { DamagedRecord } from './bytes.js'
import { chronicled, emptyChronicle, type Chronicle } from './chronicle.js'
import { FlightDecoder, type Checkpoint, type Durations, type FlightRecord } from './codec.js'
import { readChunks } from './ring.js'

/** Events in a row without a gap, behind the checkpoint that they follow. */
export interface Stretch {
  readonly checkpoint: Checkpoint & { readonly chronicle: Chronicle }
  readonly events: readonly ClusterEvent[]
}

/** One life of the daemon, as far as the ring still has it. */
export interface Life {
  readonly generation: number
  readonly settings: ClusterSettings
  /** Oldest first. */
  readonly stretches: readonly Stretch[]
}

export interface Recording {
  readonly lives: readonly Life[]
  /** What could not be read: one sentence each. */
  readonly troubles: readonly string[]
}

interface OpenLife {
  settings: ClusterSettings | null
  stretches: (Stretch & { readonly events: ClusterEvent[] })[]
}

/** Reads a whole ring file. Never throws on what it holds: damaged parts are left out and told. */
export function readRecording(file: Buffer): Recording {
  const troubles: string[] = []
  const lives: OpenLife[] = []
  let decoder: FlightDecoder | null = null
  let expected: number | null = null
  const take = (record: FlightRecord): void => {
    let life = lives.at(-1)
    if (record.kind === 'checkpoint') {
      if (record.cause === 'begin' || life === undefined) lives.push((life = { settings: null, stretches: [] }))
      const chronicle = record.chronicle ?? life.stretches.at(-1)?.checkpoint.chronicle ?? emptyChronicle
      life.stretches.push({ checkpoint: { ...record, chronicle }, events: [] })
    } else if (record.kind === 'settings' && life !== undefined) life.settings = record.settings
    else if (record.kind === 'event') life?.stretches.at(-1)?.events.push(record.event)
  }
  for (const chunk of readChunks(file)) {
    if (expected !== null && chunk.number !== expected) decoder = null
    expected = chunk.number + 1
    if (chunk.beginsAnew) decoder = new FlightDecoder()
    if (decoder === null) continue // what it is a difference to was overwritten or lost
    try {
      decoder.decode(chunk.payload, take)
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error
      troubles.push(`part ${chunk.number} of the record cannot be read: ${error.message}`)
      decoder = null
    }
  }
  return { lives: lives.flatMap(life => closed(life, troubles)), troubles }
}

function closed(life: OpenLife, troubles: string[]): readonly Life[] {
  const { settings, stretches } = life
  if (settings === null) {
    troubles.push('a life of the daemon was left out: its settings are no longer in the record')
    return []
  }
  return [{ generation: settings.self.generation, settings, stretches }]
}

export interface Replayed {
  readonly event: ClusterEvent
  readonly before: ClusterState
  readonly state: ClusterState
  readonly effects: readonly ClusterEffect[]
}

/** Lives a stretch again, one event at a time. */
export function* replay(stretch: Stretch, settings: ClusterSettings): Generator<Replayed> {
  let { state } = stretch.checkpoint
  for (const event of stretch.events) {
    const before = state
    const stepped = step(before, event, settings)
    state = stepped.state
    yield { event, before, state, effects: stepped.effects }
  }
}

/** Where a life stood at the end of its record. */
export interface Ending {
  readonly settings: ClusterSettings
  readonly state: ClusterState
  readonly chronicle: Chronicle
  readonly durations: Durations
  /** Monotonic clock and time of day at the same moment. */
  readonly clock: { readonly now: Instant; readonly wallMs: number }
}

/** The end of a life: its last checkpoint, and what came after it. */
export function endingOf(life: Life): Ending | null {
  const stretch = life.stretches.at(-1)
  if (stretch === undefined) return null
  const { settings } = life
  let { chronicle, state } = stretch.checkpoint
  for (const step of replay(stretch, settings)) {
    chronicle = chronicled(chronicle, step.event, step.before, step.state, settings)
    state = step.state
  }
  return { settings, state, chronicle, durations: stretch.checkpoint.durations, clock: { now: stretch.checkpoint.now, wallMs: stretch.checkpoint.wallMs } }
}

/** The time of day of a moment of that life. */
export const wallOf = (clock: { readonly now: Instant; readonly wallMs: number }, at: Instant): number => clock.wallMs + elapsed(clock.now, at)

