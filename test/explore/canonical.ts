/**
 * One number for each state of the model that behaves alike: moments count from now, sequences from the newest, and what
 * only operators read (notes, counters, reasons) is left out. Two states with one number have the same futures.
 */

import type { ClusterState, GroupState } from '../../src/cluster/types.js'
import type { NodeView } from '../../src/wire/ownership.js'
import type { Heard } from '../../src/wire/status.js'
import type { Model, NodeModel, Sector } from './model.js'

/** Longer ago than this makes no difference any more. */
const oldMs = 2_500

interface Context {
  readonly now: number
  /** The newest sequence of each node, and its newest beat on the disk. */
  readonly sequences: readonly [number, number]
  readonly beats: readonly [number, number]
  readonly epoch: number
}

export function canonical(model: Model): string {
  const sequences = model.nodes.map(node => node.state?.sequence ?? 0)
  const epochs = model.nodes.flatMap(node => node.state?.groups.map(group => group.epoch) ?? [])
  const context: Context = {
    now: model.now,
    sequences: [sequences[0] ?? 0, sequences[1] ?? 0],
    beats: [model.nodes[0].beat, model.nodes[1].beat],
    epoch: Math.min(...epochs)
  }
  const parts = [
    model.budget, model.isCut ? 1 : 0,
    nodeText(model.nodes[0], 0, context), nodeText(model.nodes[1], 1, context),
    model.wires.map(wire => `${wire.to}${wire.isLate ? 'L' : ''}${heardText(wire.heard, wire.to === 0 ? 1 : 0, context)}`).join(';'),
    sectorText(model.sectors[0], 0, context), sectorText(model.sectors[1], 1, context),
    model.pills.map(pill => pill?.generation ?? '-').join(),
    model.shots.map(shot => `${shot.by}.${shot.generation}.${shot.attempt}.${shot.at - model.now}`).join()
  ]
  return parts.join('|')
}

const age = (moment: number | null, context: Context): string => {
  if (moment === null) return '-'
  const ms = Math.round(moment - context.now)
  return ms < -oldMs ? 'o' : String(ms)
}

function nodeText(node: NodeModel, index: 0 | 1, context: Context): string {
  const { operation, reading, writing } = node
  const other = index === 0 ? 1 : 0
  if (node.state === null) return `off ${age(node.offSince, context)} ${node.settings.self.generation} ${node.isDiskLost ? 1 : 0}`
  return [
    node.settings.self.generation, node.hasAddress ? 1 : 0, node.isDiskLost ? 1 : 0, node.hasLooked ? 1 : 0, age(node.asleepSince, context),
    operation === null ? '-' : `${operation.kind}${operation.isCancelled ? 'c' : ''}${age(operation.endsAt, context)}`,
    age(node.writeAt, context), age(node.readAt, context),
    node.shown === null ? '-' : heardText(node.shown, index, context),
    node.seen === null ? '-' : context.sequences[other] - (node.seen.sequence ?? 0),
    writing === null ? '-' : `${age(writing.from, context)}.${age(writing.endsAt, context)}.${sectorText(writing.sector, index, context)}`,
    reading === null ? '-' : `${age(reading.from, context)}.${age(reading.endsAt, context)}.${sectorText(reading.sector, other, context)}.${reading.pill?.generation ?? '-'}`,
    stateText(node.state, index, context)
  ].join(' ')
}

const sectorText = (sector: Sector | null, writer: 0 | 1, context: Context): string =>
  sector === null ? '-' : `${sector.sight.generation}.${context.beats[writer] - sector.sight.sequence}.${heardText(sector.heard, writer, context)}`

const heardText = (heard: Heard, sender: 0 | 1, context: Context): string =>
  `${heard.generation}.${context.sequences[sender] - (heard.sequence ?? 0)}.${heard.statusText ?? ''}.${viewText(heard.view, sender, context)}`

function viewText(view: NodeView | null, sender: 0 | 1, context: Context): string {
  if (view === null) return '-'
  const other = sender === 0 ? 1 : 0
  const { acknowledged, groups, health } = view
  const heard = acknowledged === null ? '-' : `${acknowledged.generation}/${context.sequences[other] - acknowledged.sequence}`
  return `${view.phase}${heard}${view.hearsPeer ? 'h' : ''}${health.isFit ? 'f' : ''}${groups.map(group => `${group.state}${group.epoch - context.epoch}${group.avoid ? 'a' : ''}`).join()}`
}

function stateText(state: ClusterState, index: 0 | 1, context: Context): string {
  const other = index === 0 ? 1 : 0
  const { peer, safety } = state
  const { lease, fence } = safety
  const theirs = context.sequences[other]
  return [
    state.phase, age(state.startedAt, context), age(state.sentAt, context), viewText(state.sentView, index, context), state.isReplyDue ? 'r' : '', state.isCatchingUp ? 'c' : '',
    peer.standing.kind, 'since' in peer.standing ? age(peer.standing.since, context) : '', peer.generation ?? '-', theirs - peer.window.newest, age(peer.heardAt, context),
    age(peer.acknowledgedAt, context), viewText(peer.view, other, context),
    state.links.map(link => `${link.isUp ? 1 : 0}${age(link.heardAt, context)}.${link.generation}.${theirs - link.newest}`).join(),
    state.groups.map(group => groupText(group, context, context.sequences[index])).join(),
    state.returns.map(one => age(one, context)).join('/'), age(state.quarantineUntil, context),
    fence.kind, fence.kind === 'waiting' ? age(fence.until, context) : fence.kind === 'failed' ? age(fence.retryAt, context) : fence.kind === 'shooting' ? fence.attempt : '',
    age(lease.renewedFrom, context), age(lease.visibleSince, context), age(lease.readFrom, context), age(lease.readAt, context), age(lease.changedAt, context), lease.hasMoved ? 'm' : '',
    lease.sight === null ? '-' : `${lease.sight.generation}.${context.beats[other] - lease.sight.sequence}`, lease.pill?.generation ?? '-',
    age(safety.pausedUntil, context), safety.toldLapse === null ? '' : 'l', safety.shots
  ].join(',')
}

function groupText(group: GroupState, context: Context, sequence: number): string {
  const { run } = group.machine
  const inner = run.kind === 'starting' ? run.operation : run.kind === 'stopping' ? `${run.doing}${run.tries}${age(run.retryAt, context)}${run.then}` : run.kind === 'failed' ? age(run.retryAt, context) : ''
  const claim = group.claim === null ? '-' : group.claim.sequence === null ? 'n' : sequence - group.claim.sequence
  return `${run.kind}${inner}${claim}.${group.epoch - context.epoch}.${group.contest}${group.avoid ? 'a' : ''}${group.isForced ? 'F' : ''}${group.isBlockedThere ? 'b' : ''}.${group.machine.failures}`
}
