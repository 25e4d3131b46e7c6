/** `heartbeat simulate --replay`: the last incident of the flight record, lived again with a setting changed. */

import { HaError } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { ClusterSettings } from '../cluster/types.js'
import { shownState } from '../cluster/turn.js'
import { request } from '../control/client.js'
import { compare, type Comparison, type Decision } from '../flight/compare.js'
import { flightPath } from '../flight/file.js'
import { endingOf, wallOf, type Life, type Stretch } from '../flight/replay.js'
import { timeMs } from '../whatif/faults.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'
import { wrong } from './simulate.js'
import { recorded } from './why.js'

const linesMax = 40

export async function simulateReplay(context: CommandContext, file: string | null, options: { readonly set: readonly string[]; readonly json: boolean }): Promise<number> {
  if (options.set.length === 0) return wrong(context, options, 'say which setting to change: heartbeat simulate --replay --set deadtime=2s')
  const changes = options.set.map(parseChange)
  for (const change of changes) if (typeof change === 'string') return wrong(context, options, change)
  try {
    if (file === null) await flushed(context)
    const found = await incident(context, file ?? flightPath(context.paths.stateDir))
    const changed = changes.reduce<ClusterSettings>((settings, change) => (typeof change === 'string' ? settings : change(settings)), found.life.settings)
    const refusal = refusalOf(changed)
    if (refusal !== null) return wrong(context, options, refusal)
    const comparison = compare(found.stretches, found.life.settings, changed)
    if (comparison === null) throw new HaError('HA_STATE_UNUSABLE', 'the flight record holds nothing to live again')
    report(context, found, comparison, options)
    return 0
  } catch (error) {
    const status = reportFailure(error, context, options)
    return error instanceof HaError && error.code === 'HA_STATE_UNUSABLE' ? 1 : status
  }
}

type Change = (settings: ClusterSettings) => ClusterSettings

const timings = { deadtime: 'deadtimeMs', keepalive: 'keepaliveMs', warntime: 'warntimeMs', initdead: 'initdeadMs' } as const

/** The change, or the sentence that refuses it. */
function parseChange(text: string): Change | string {
  const [name = '', value, ...rest] = text.split('=')
  if (value === undefined || rest.length > 0) return `--set ${text}: write NAME=VALUE, e.g. deadtime=2s`
  if (name === 'auto_failback') {
    if (value !== 'on' && value !== 'off' && value !== 'legacy') return `auto_failback is on, off or legacy, not ${value}`
    return settings => ({ ...settings, autoFailback: value })
  }
  if (!Object.hasOwn(timings, name)) return `${name} cannot be changed in a replay; deadtime, keepalive, warntime, initdead and auto_failback can`
  const ms = timeMs(value)
  if (ms === null || ms === 0) return `${name}=${value} is no time; write 500ms, 2s or 1m`
  const key = timings[name as keyof typeof timings]
  return settings => ({ ...settings, timing: { ...settings.timing, [key]: millis(ms) } })
}

function refusalOf({ timing }: ClusterSettings): string | null {
  return timing.deadtimeMs > timing.keepaliveMs ? null : `deadtime (${timing.deadtimeMs} ms) must be longer than keepalive (${timing.keepaliveMs} ms)`
}

/** Has a running daemon write down what it has; without one the file is whole already. */
async function flushed(context: CommandContext): Promise<void> {
  try {
    await request(context.paths.controlSocket, { kind: 'snapshot' }, { clock: context.clock, timeoutMs: millis(8_000) })
  } catch (error) {
    if (!(error instanceof HaError)) throw error // the record as it is will do
  }
}

interface Incident {
  readonly life: Life
  readonly stretches: readonly Stretch[]
}

/** The newest life in which a group moved, from the checkpoint before the last move on; else the newest life as far as it goes. */
async function incident(context: CommandContext, path: string): Promise<Incident> {
  const record = await recorded(context, path)
  if (typeof record === 'string') throw new HaError('HA_STATE_UNUSABLE', record)
  const newest = record.lives.at(-1)
  if (newest === undefined) throw new HaError('HA_STATE_UNUSABLE', `${path} holds no life of a daemon${record.troubles.length === 0 ? '' : ` (${record.troubles.join('; ')})`}`)
  for (const life of record.lives.toReversed()) {
    const ending = endingOf(life)
    const moves = Object.values(ending?.chronicle.moves ?? {}).filter(move => move.from !== null)
    const beganAt = Math.max(...moves.map(move => move.facts[0]?.at ?? move.runningAt ?? Number.NEGATIVE_INFINITY))
    if (beganAt === Number.NEGATIVE_INFINITY) continue
    const from = life.stretches.findLastIndex(stretch => stretch.checkpoint.now <= beganAt)
    return { life, stretches: connected(life.stretches.slice(Math.max(0, from))) }
  }
  return { life: newest, stretches: connected(newest.stretches) }
}

/** Up to the first gap, behind which the replay would not know where it stands. */
function connected(stretches: readonly Stretch[]): readonly Stretch[] {
  const gap = stretches.findIndex((stretch, at) => at > 0 && stretch.checkpoint.cause === 'gap')
  return gap === -1 ? stretches : stretches.slice(0, gap)
}

function report(context: CommandContext, found: Incident, comparison: Comparison, options: { readonly set: readonly string[]; readonly json: boolean }): void {
  const { life, stretches } = found
  const { checkpoint } = stretches[0] as Stretch // compare() has seen it
  const wall = (one: Decision | undefined): string | null => (one === undefined ? null : new Date(wallOf(checkpoint, one.at)).toISOString())
  const { first, then, changed } = comparison
  const ends = life.settings.groups.map((setup, index) => ({ key: setup.key, then: stateAt(comparison.endThen, index), changed: stateAt(comparison.endChanged, index) }))
  const told = (decisions: readonly Decision[]): readonly { at: string | null; what: string }[] => decisions.slice(first ?? decisions.length).slice(0, linesMax).map(one => ({ at: wall(one), what: one.what }))
  const care = comparison.isFaithful ? '' : ' Even with the settings of then it does not decide all that was recorded (timers and scripts met otherwise): take it with care.'
  const limits = `This is ${life.settings.self.name}'s side alone: the first difference is sure; after it, ${life.settings.peerName} might have answered otherwise than it did.${care}`
  if (options.json) {
    context.out(JSON.stringify({ ok: true, node: life.settings.self.name, changed: options.set, from: new Date(checkpoint.wallMs).toISOString(), events: stretches.reduce((sum, one) => sum + one.events.length, 0), alike: first ?? then.length, then: told(then), instead: told(changed), groups: ends, limits }))
    return
  }
  const head = `Replay of ${life.settings.self.name} (generation ${life.generation}) from ${new Date(checkpoint.wallMs).toISOString()}, with ${options.set.join(', ')}`
  if (first === null) return context.out([head, `No decision differs: all ${then.length} are the same.`, limits].join('\n'))
  const lines = (decisions: readonly Decision[]): readonly string[] => {
    const shown = told(decisions).map(one => `  ${one.at ?? ''}  ${one.what}`)
    return shown.length === 0 ? ['  nothing more'] : shown
  }
  context.out([head, `${first} decision(s) are the same. Then, as it was:`, ...lines(then), 'With the change:', ...lines(changed), 'In the end:', ...ends.map(one => `  ${one.key}: ${one.then} then, ${one.changed} with the change`), limits].join('\n'))
}

function stateAt(state: Comparison['endThen'], index: number): string {
  const group = state.groups[index]
  return group === undefined ? 'unknown' : shownState(group)
}
