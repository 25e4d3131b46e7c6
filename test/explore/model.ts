/**
 * A small cluster whose every step is a choice: two nodes with one group of one resource, the production `step`, one wire
 * in each direction, a lease disk or a fencing device. `successors` gives all states that may follow.
 *
 * What goes as it should is free; what goes wrong costs one of a budget: a datagram lost or late, a read or write that is
 * slow or fails, a script that fails, wires cut or healed, a disk lost or found, power lost, a host that sleeps or wakes. So
 * the explorer visits every way in which at most so many things go wrong, at every moment at which they can.
 *
 * A node owns the group while its address is up and its host is awake and powered. Scripts take `scriptMs`; the address is
 * up from the moment a start begins until a stop has ended or the address was dropped. Both clocks run alike here.
 */

import { instant, millis, type Instant } from '../../src/base/units.js'
import { initialState, nextDeadline, step as productionStep } from '../../src/cluster/step.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState } from '../../src/cluster/types.js'
import { diskPatience } from '../../src/safety/lease.js'
import type { LeaseSight, PoisonPill } from '../../src/port/lease.js'
import type { Heard } from '../../src/wire/status.js'

export const faultNames = ['datagrams', 'slow', 'scripts', 'wire', 'disk', 'power', 'sleep', 'device'] as const
export type FaultName = (typeof faultNames)[number]

export interface Rules {
  readonly method: 'lease' | 'fencing'
  /** What can go wrong; everything when left out. A search over some of it goes deeper. */
  readonly faults?: readonly FaultName[]
  /** What the core is told instead of what happened; how a wrong rule is put in on purpose. */
  mutate?(event: ClusterEvent, state: ClusterState): ClusterEvent
}

export interface Sector {
  readonly sight: LeaseSight
  readonly heard: Heard
}

export interface NodeModel {
  readonly settings: ClusterSettings
  /** null while it has no power. */
  state: ClusterState | null
  asleepSince: number | null
  offSince: number
  hasAddress: boolean
  operation: { readonly index: number; readonly kind: 'start' | 'stop' | 'status'; readonly attempt: number; readonly endsAt: number; readonly isCancelled: boolean } | null
  shown: Heard | null
  beat: number
  writeAt: number
  readAt: number
  writing: { readonly from: number; readonly endsAt: number; readonly sector: Sector } | null
  reading: { readonly from: number; readonly endsAt: number; readonly sector: Sector | null; readonly pill: PoisonPill | null } | null
  seen: Heard | null
  hasLooked: boolean
  isDiskLost: boolean
}

export interface Model {
  now: number
  budget: number
  readonly nodes: [NodeModel, NodeModel]
  wires: readonly { readonly to: 0 | 1; readonly heard: Heard; readonly isLate: boolean }[]
  readonly sectors: [Sector | null, Sector | null]
  readonly pills: [PoisonPill | null, PoisonPill | null]
  shots: readonly { readonly by: 0 | 1; readonly generation: number; readonly attempt: number; readonly at: number }[]
  isCut: boolean
}

export interface Successor {
  readonly label: string
  readonly model: Model
}

export const keepaliveMs = 100
export const deadtimeMs = 200
export const leaseMs = 600
const intervalMs = 150
const scriptMs = 20
const rebootMs = 1_000
const shotMs = 50

const settingsOf = (index: 0 | 1, generation: number, rules: Rules): ClusterSettings => ({
  self: { name: index === 0 ? 'alpha' : 'beta', generation },
  peerName: index === 0 ? 'beta' : 'alpha',
  timing: { keepaliveMs: millis(keepaliveMs), warntimeMs: millis(deadtimeMs / 2), deadtimeMs: millis(deadtimeMs), initdeadMs: millis(2 * deadtimeMs) },
  autoFailback: 'off',
  groups: [
    {
      key: 'group', home: 'alpha', id: '00000000', digest: '00000000', resources: [{ word: 'address', command: 'address', isIdempotent: true }],
      limits: { startTimeoutMs: millis(200), stopTimeoutMs: millis(200), statusTimeoutMs: millis(200), stopRetries: 1, stopRetryDelayMs: millis(100) }
    }
  ],
  links: [
    { name: 'eth0', description: 'eth0' },
    ...(rules.method === 'lease' ? [{ name: 'disk', description: 'disk', patienceMs: diskPatience({ leaseMs: millis(leaseMs), intervalMs: millis(intervalMs), link: 1 }) }] : [])
  ],
  safety: {
    fencing: rules.method === 'fencing' ? { delayMs: millis(150), timeoutMs: millis(1_000), retryMs: millis(300) } : null,
    lease: rules.method === 'lease' ? { leaseMs: millis(leaseMs), intervalMs: millis(intervalMs), link: 1 } : null,
    arbiter: null,
    quorum: null
  },
  agreement: null,
  rememberedPeerGeneration: null,
  rememberedPeerSequence: 0,
  heldEpochs: new Map(),
  moveTimeoutMs: millis(1_000)
})

export function begin(rules: Rules, budget: number): Model {
  const node = (index: 0 | 1): NodeModel => newLife(settingsOf(index, 1, rules), 0)
  const model: Model = { now: 0, budget, nodes: [node(0), node(1)], wires: [], sectors: [null, null], pills: [null, null], shots: [], isCut: false }
  for (const index of [0, 1] as const) post(model, index, { kind: 'begin', now: instant(0) }, rules)
  return model
}

function newLife(settings: ClusterSettings, now: number): NodeModel {
  return {
    settings, state: initialState(settings, instant(now)), asleepSince: null, offSince: 0, hasAddress: false, operation: null, shown: null, beat: 0,
    writeAt: now, readAt: now + intervalMs / 2, writing: null, reading: null, seen: null, hasLooked: false, isDiskLost: false
  }
}

export const copyOf = (model: Model): Model => ({ ...model, nodes: [{ ...model.nodes[0] }, { ...model.nodes[1] }], sectors: [...model.sectors], pills: [...model.pills] })

export const owns = (node: NodeModel): boolean => node.state !== null && node.asleepSince === null && node.hasAddress

/** Two owners at this instant: what must never be. */
export const isBroken = (model: Model): boolean => owns(model.nodes[0]) && owns(model.nodes[1])

/** Everything that may happen next. Choices at one moment come in a fixed order; only then does time go on. */
export function successors(model: Model, rules: Rules): readonly Successor[] {
  const wire = model.wires.find(one => !one.isLate)
  if (wire !== undefined) return onWire(model, wire, rules)
  for (const index of [0, 1] as const) {
    const due = onNode(model, index, rules)
    if (due !== null) return due
  }
  const shot = model.shots.find(one => one.at <= model.now)
  if (shot !== undefined) return onShot(model, shot, rules)
  return onTime(model, rules)
}

/** A choice: a copy of the state with this done to it, for so much of the budget. */
function choice(model: Model, label: string, act: (copy: Model) => void): readonly Successor[] {
  const copy = copyOf(model)
  act(copy)
  return [{ label, model: copy }]
}

/** The same for what goes wrong: one of the budget, if it can go wrong at all. */
function fault(model: Model, label: string, kind: { readonly rules: Rules; readonly name: FaultName }, act: (copy: Model) => void): readonly Successor[] {
  if (model.budget < 1 || kind.rules.faults?.includes(kind.name) === false) return []
  const copy = copyOf(model)
  copy.budget -= 1
  act(copy)
  return [{ label: `! ${label}`, model: copy }]
}

function onWire(model: Model, wire: Model['wires'][number], rules: Rules): readonly Successor[] {
  const name = wire.to === 0 ? 'beta > alpha' : 'alpha > beta'
  const rest = model.wires.filter(one => one !== wire)
  const isAwake = model.nodes[wire.to].state !== null && model.nodes[wire.to].asleepSince === null
  if (model.isCut || !isAwake) {
    return choice(model, `${name} ${wire.heard.sequence ?? 0} gets lost`, copy => {
      copy.wires = rest
    })
  }
  return [
    ...choice(model, `${name} ${wire.heard.sequence ?? 0}`, copy => {
      copy.wires = rest
      post(copy, wire.to, { kind: 'heard', now: instant(copy.now), link: 0, heard: wire.heard }, rules)
    }),
    ...fault(model, `${name} ${wire.heard.sequence ?? 0} is lost`, { rules, name: 'datagrams' }, copy => {
      copy.wires = rest
    }),
    ...fault(model, `${name} ${wire.heard.sequence ?? 0} is late`, { rules, name: 'datagrams' }, copy => {
      copy.wires = model.wires.map(one => (one === wire ? { ...one, isLate: true } : one))
    })
  ]
}

function onNode(model: Model, index: 0 | 1, rules: Rules): readonly Successor[] | null {
  const node = model.nodes[index]
  const { now } = model
  const { name } = node.settings.self
  if (node.state === null) {
    if (now < node.offSince + rebootMs) return null
    return choice(model, `${name} boots`, copy => {
      copy.nodes[index] = { ...newLife(settingsOf(index, node.settings.self.generation + 1, rules), now), isDiskLost: node.isDiskLost }
      post(copy, index, { kind: 'begin', now: instant(now) }, rules)
    })
  }
  if (node.asleepSince !== null) return null
  const { operation, reading, writing } = node
  if (operation !== null && operation.endsAt <= now) return onScript(model, index, operation, rules)
  if (writing !== null && writing.endsAt <= now) {
    return choice(model, `${name} has written`, copy => {
      copy.nodes[index].writing = null
      copy.sectors[index] = writing.sector
      post(copy, index, { kind: 'lease', now: instant(now), report: { kind: 'written', from: instant(writing.from), tookMs: now - writing.from, sequence: writing.sector.heard.sequence ?? 0 } }, rules)
    })
  }
  if (reading !== null && reading.endsAt <= now) {
    return choice(model, `${name} has read`, copy => {
      copy.nodes[index].reading = null
      look(copy, index, { sector: reading.sector, pill: reading.pill, tookMs: now - reading.from }, rules)
    })
  }
  if (nextDeadline(node.state, node.settings) <= now) return choice(model, `${name} ticks`, copy => post(copy, index, { kind: 'tick', now: instant(now) }, rules))
  if (rules.method !== 'lease') return null
  if (node.writeAt <= now && node.writing === null) return onWriteDue(model, index, rules)
  if (node.readAt <= now && node.reading === null) return onReadDue(model, index, rules)
  return null
}

function onScript(model: Model, index: 0 | 1, operation: NonNullable<NodeModel['operation']>, rules: Rules): readonly Successor[] {
  const { name } = model.nodes[index].settings.self
  const end = (kind: 'ok' | 'running' | 'stopped' | 'failed' | 'cancelled', hasAddress: boolean | null) => (copy: Model) => {
    const node = copy.nodes[index]
    node.operation = null
    if (hasAddress !== null) node.hasAddress = hasAddress
    const outcome = { kind, exitCode: 0, signal: null, said: [] }
    post(copy, index, { kind: 'operated', now: instant(copy.now), group: 0, attempt: operation.attempt, outcome }, rules)
  }
  if (operation.isCancelled) return choice(model, `${name} ${operation.kind} is ended`, end('cancelled', null))
  if (operation.kind === 'status') return choice(model, `${name} looks`, end(model.nodes[index].hasAddress ? 'running' : 'stopped', null))
  const good = choice(model, `${name} has ended its ${operation.kind}`, end('ok', operation.kind === 'start' ? null : false))
  return [...good, ...fault(model, `${name} fails to ${operation.kind}`, { rules, name: 'scripts' }, end('failed', operation.kind === 'start' ? false : null))]
}

function onWriteDue(model: Model, index: 0 | 1, rules: Rules): readonly Successor[] {
  const node = model.nodes[index]
  const { name } = node.settings.self
  const { now } = model
  const again = (copy: Model): NodeModel => {
    copy.nodes[index].writeAt = now + intervalMs
    return copy.nodes[index]
  }
  const { shown } = node
  if (shown === null) return choice(model, `${name} has nothing to write`, copy => void again(copy))
  const sector: Sector = { sight: { generation: node.settings.self.generation, sequence: node.beat + 1, promisedMs: leaseMs }, heard: shown }
  const fail = (copy: Model): void => {
    again(copy)
    post(copy, index, { kind: 'lease', now: instant(now), report: { kind: 'trouble', operation: 'write', reason: 'EIO' } }, rules)
  }
  if (node.isDiskLost) return choice(model, `${name} cannot write`, fail)
  const slow = (tookMs: number): readonly Successor[] =>
    fault(model, `${name} writes for ${tookMs} ms`, { rules, name: 'slow' }, copy => {
      const one = again(copy)
      one.beat += 1
      one.writing = { from: now, endsAt: now + tookMs, sector }
    })
  return [
    ...choice(model, `${name} writes`, copy => {
      again(copy).beat += 1
      copy.sectors[index] = sector
      post(copy, index, { kind: 'lease', now: instant(now), report: { kind: 'written', from: instant(now), tookMs: 0, sequence: shown.sequence ?? 0 } }, rules)
    }),
    ...slow(leaseMs / 2),
    ...slow(leaseMs),
    ...fault(model, `${name} fails to write`, { rules, name: 'slow' }, fail)
  ]
}

function onReadDue(model: Model, index: 0 | 1, rules: Rules): readonly Successor[] {
  const node = model.nodes[index]
  const { name } = node.settings.self
  const { now } = model
  const again = (copy: Model): NodeModel => {
    copy.nodes[index].readAt = now + intervalMs
    return copy.nodes[index]
  }
  const sector = model.sectors[index === 0 ? 1 : 0]
  const pill = model.pills[index]
  const fail = (copy: Model): void => {
    again(copy)
    post(copy, index, { kind: 'lease', now: instant(now), report: { kind: 'trouble', operation: 'read', reason: 'EIO' } }, rules)
  }
  if (node.isDiskLost) return choice(model, `${name} cannot read`, fail)
  const slow = (tookMs: number): readonly Successor[] =>
    fault(model, `${name} reads for ${tookMs} ms`, { rules, name: 'slow' }, copy => {
      again(copy).reading = { from: now, endsAt: now + tookMs, sector, pill }
    })
  return [
    ...choice(model, `${name} reads`, copy => {
      again(copy)
      look(copy, index, { sector, pill, tookMs: 0 }, rules)
    }),
    ...slow(leaseMs / 2),
    ...slow(leaseMs)
  ]
}

function look(model: Model, index: 0 | 1, found: { readonly sector: Sector | null; readonly pill: PoisonPill | null; readonly tookMs: number }, rules: Rules): void {
  const node = model.nodes[index]
  const isFirst = !node.hasLooked
  node.hasLooked = true
  const now = instant(model.now)
  post(model, index, { kind: 'lease', now, report: { kind: 'read', peer: found.sector?.sight ?? null, pill: found.pill, tookMs: found.tookMs } }, rules)
  const heard = found.sector?.heard ?? null
  if (heard === null || heard === node.seen) return
  model.nodes[index].seen = heard
  if (!isFirst) post(model, index, { kind: 'heard', now, link: 1, heard }, rules)
}

/** The device does its work and says so, or fails having done it or not. */
function onShot(model: Model, shot: Model['shots'][number], rules: Rules): readonly Successor[] {
  const victim = shot.by === 0 ? 1 : 0
  const end = (isDone: boolean, isTold: boolean) => (copy: Model) => {
    copy.shots = copy.shots.filter(one => one !== shot)
    if (isDone) powerOff(copy, victim)
    const shooter = copy.nodes[shot.by]
    if (shooter.state === null || shooter.settings.self.generation !== shot.generation) return
    const outcome = isTold ? ({ kind: 'fenced', device: 'sim', durationMs: shotMs } as const) : ({ kind: 'failed', said: ['sim'], durationMs: shotMs } as const)
    post(copy, shot.by, { kind: 'fenced', now: instant(copy.now), attempt: shot.attempt, outcome }, rules)
  }
  if (model.nodes[shot.by].asleepSince !== null) {
    return choice(model, 'the shot waits for its shooter', copy => {
      copy.shots = copy.shots.map(one => (one === shot ? { ...one, at: copy.now + shotMs } : one))
    })
  }
  const late = fault(model, 'the shot takes longer', { rules, name: 'device' }, copy => {
    copy.shots = copy.shots.map(one => (one === shot ? { ...one, at: copy.now + 6 * shotMs } : one))
  })
  return [...choice(model, 'the shot hits', end(true, true)), ...fault(model, 'the shot fails', { rules, name: 'device' }, end(false, false)), ...fault(model, 'the shot hits and says that it failed', { rules, name: 'device' }, end(true, false)), ...late]
}

function powerOff(model: Model, index: 0 | 1): void {
  const node = model.nodes[index]
  model.nodes[index] = { ...node, state: null, asleepSince: null, offSince: model.now, hasAddress: false, operation: null, writing: null, reading: null, shown: null, seen: null }
}

/** Nothing is due: something breaks or heals, or time goes on to the next moment. */
function onTime(model: Model, rules: Rules): readonly Successor[] {
  const moments = model.nodes.flatMap(node => momentsOf(node, rules))
  moments.push(...model.shots.map(shot => shot.at))
  const next = Math.min(...moments)
  const onwards = choice(model, `${next} ms`, copy => {
    copy.now = next
    copy.wires = copy.wires.map(one => ({ ...one, isLate: false }))
  })
  const cut = fault(model, model.isCut ? 'the wire is healed' : 'the wire is cut', { rules, name: 'wire' }, copy => {
    copy.isCut = !copy.isCut
  })
  return [...onwards, ...cut, ...([0, 1] as const).flatMap(index => troubles(model, index, rules))]
}

function troubles(model: Model, index: 0 | 1, rules: Rules): readonly Successor[] {
  const node = model.nodes[index]
  const { name } = node.settings.self
  if (node.state === null) return []
  if (node.asleepSince !== null) {
    const since = node.asleepSince
    return choice(model, `${name} wakes`, copy => wake(copy, index, since, rules))
  }
  const disk = fault(model, `${name} ${node.isDiskLost ? 'finds' : 'loses'} the disk`, { rules, name: 'disk' }, copy => {
    copy.nodes[index].isDiskLost = !node.isDiskLost
  })
  return [
    ...(rules.method === 'lease' ? disk : []),
    ...fault(model, `${name} loses power`, { rules, name: 'power' }, copy => powerOff(copy, index)),
    ...fault(model, `${name} falls asleep`, { rules, name: 'sleep' }, copy => {
      copy.nodes[index].asleepSince = copy.now
    })
  ]
}

/** The runner finds its deadline past: the core hears of the stall before anything else. */
function wake(model: Model, index: 0 | 1, since: number, rules: Rules): void {
  const node = model.nodes[index]
  const { state } = node
  if (state === null) return
  const slept = model.now - since
  node.asleepSince = null
  const due = nextDeadline(state, node.settings)
  if (node.operation !== null) node.operation = { ...node.operation, endsAt: node.operation.endsAt + slept }
  if (due < model.now - 50) post(model, index, { kind: 'woke', now: instant(model.now), stallMs: millis(model.now - Math.max(due, since)) }, rules)
}

function momentsOf(node: NodeModel, rules: Rules): number[] {
  if (node.state === null) return [node.offSince + rebootMs]
  if (node.asleepSince !== null) return []
  const moments: number[] = [nextDeadline(node.state, node.settings)]
  if (node.operation !== null) moments.push(node.operation.endsAt)
  if (rules.method !== 'lease') return moments
  moments.push(node.writing === null ? node.writeAt : node.writing.endsAt, node.reading === null ? node.readAt : node.reading.endsAt)
  return moments
}

function post(model: Model, index: 0 | 1, event: ClusterEvent, rules: Rules): void {
  const node = model.nodes[index]
  if (node.state === null) return
  const told = rules.mutate === undefined ? event : rules.mutate(event, node.state)
  const { state, effects } = productionStep(node.state, told, node.settings)
  node.state = state
  for (const effect of effects) perform(model, index, effect, state)
}

function perform(model: Model, index: 0 | 1, effect: ClusterEffect, state: ClusterState): void {
  const node = model.nodes[index]
  const other = index === 0 ? 1 : 0
  switch (effect.kind) {
    case 'send-status': {
      const { self } = node.settings
      const heard: Heard = {
        type: 'status', source: self.name, uuid: null, generation: self.generation, sequence: effect.sequence, destination: null,
        statusText: effect.status, deadtimeMs, view: effect.view, message: { fields: [] }
      }
      node.shown = heard
      if (effect.isNews) node.writeAt = Math.min(node.writeAt, model.now)
      // One datagram at a time: a newer one overtakes the one that is late.
      model.wires = [...model.wires.filter(one => one.to !== other || !one.isLate), { to: other, heard, isLate: false }]
      return
    }
    case 'operate':
      if (effect.operation === 'start') node.hasAddress = true
      node.operation = { index: effect.index, kind: effect.operation, attempt: effect.attempt, endsAt: model.now + scriptMs, isCancelled: false }
      return
    case 'cancel':
      if (node.operation !== null) node.operation = { ...node.operation, isCancelled: true }
      return
    case 'drop-addresses':
      node.hasAddress = false
      return
    case 'fence':
      model.shots = [...model.shots, { by: index, generation: node.settings.self.generation, attempt: effect.attempt, at: model.now + shotMs }]
      return
    case 'poison':
      model.pills[other] = { generation: effect.generation, from: state.peer.name }
      return
    default:
      return
  }
}

export const nowOf = (model: Model): Instant => instant(model.now)
