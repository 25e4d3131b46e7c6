/** `heartbeat lease show`: watches the area for two renewals, and says what it shows. */

import { elapsed } from '../base/units.js'
import { keyId } from '../config/configuration.js'
import { hostView } from '../lease-disk/host-view.js'
import { pause, type OneShotDisk } from '../lease-disk/one-shot.js'
import { judgeStorage } from '../lease-disk/storage.js'
import { LatencyHistory } from '../lease/latency.js'
import { commandPlace, nodePlace, type Slot } from '../lease/layout.js'
import { ownersOf, wordOf, type GroupOwner } from '../lease/owners.js'
import { decodeNode, decodePill, type AreaHeader, type ShownLatency } from '../lease/records.js'
import { refusalWords } from '../lease/sealed.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'
import { endIfHanging, withinLimit } from './lease-hang.js'
import { leaseSetup, leaseStatuses, openArea, shownAge, shownMs, type LeaseSetup } from './lease-words.js'

export interface ShownNode {
  readonly name: string
  readonly isSelf: boolean
  readonly state: 'beating' | 'silent' | 'released' | 'never' | 'unreadable'
  /** Why it is unreadable. */
  readonly reason: string | null
  readonly generation: number | null
  readonly beat: number | null
  /** Since we saw it move; or, when it stood still, since it was written by the writer's time of day. */
  readonly ageMs: number | null
  readonly promisedMs: number | null
  readonly phase: string | null
  /** As the writer measured. */
  readonly renewals: ShownLatency | null
}

export interface LeaseView {
  readonly path: string
  readonly storage: { readonly kind: string; readonly what: string }
  readonly area: string
  readonly createdAt: number
  readonly leaseMs: number
  readonly watchedMs: number
  readonly nodes: readonly ShownNode[]
  readonly groups: readonly (GroupOwner & { readonly key: string | null })[]
  readonly orders: readonly { readonly to: string; readonly from: string; readonly generation: number }[]
  /** Reads of the area, measured here. */
  readonly reads: ShownLatency & { readonly count: number }
}

export async function leaseShow(context: CommandContext, options: { readonly path?: string; readonly json: boolean }): Promise<number> {
  try {
    const view = await watchArea(context, await leaseSetup(context, options.path))
    context.out(options.json ? JSON.stringify({ ok: true, ...view }) : viewText(view))
    return view.nodes.every(node => node.state === 'beating') ? 0 : leaseStatuses.silent
  } catch (error) {
    return reportFailure(error, context, options)
  }
}

/** Long enough for two renewals, read often enough to tell ages. */
const looksPerInterval = 4

async function watchArea(context: CommandContext, setup: LeaseSetup): Promise<LeaseView> {
  const { disk, header, look } = await openArea(context, setup)
  try {
    const { changedAt, last, reads, watchedMs } = await watch(context, disk, { first: look, intervalMs: setup.intervalMs })
    const { keys, groups } = setup.configuration
    const now = context.clock.monotonic()
    const nodes = ([0, 1] as const).map(slot => shownNode(last, { slot, header, setup, movedMs: ageOf(changedAt[slot], now), wallMs: context.clock.wall() }))
    const words = ([0, 1] as const).flatMap(slot => {
      const read = decodeNode(slotOf(last, slot), { slot, header }, keys)
      const word = read.ok && read.record.state === 'beating' ? wordOf(read.record, keys) : null
      return word === null ? [] : [word]
    })
    const orders = ([0, 1] as const).flatMap(slot => {
      const read = decodePill(last.subarray(commandPlace(slot).from, commandPlace(slot).to), { slot, header }, keys)
      return read.ok ? [{ to: header.nodes[slot], from: read.pill.from, generation: read.pill.generation }] : []
    })
    const { kind, what } = await withinLimit(context, setup.path, judgeStorage(setup.path, hostView))
    const keyOf = new Map(groups.map(group => [keyId(group), group.key]))
    return {
      path: setup.path, storage: { kind, what }, area: Buffer.from(header.area).toString('hex'), createdAt: header.createdAt, leaseMs: setup.leaseMs,
      watchedMs, nodes, groups: ownersOf(words).map(owner => ({ ...owner, key: keyOf.get(owner.id) ?? null })), orders, reads: reads.figures()
    }
  } finally {
    await disk.close()
    endIfHanging(disk)
  }
}

const ageOf = (changedAt: number | null, now: number): number | null => (changedAt === null ? null : now - changedAt)
export const slotOf = (look: Buffer, slot: Slot): Buffer => look.subarray(nodePlace(slot).from, nodePlace(slot).to)

export interface Watched {
  readonly last: Buffer
  /** The moment at which each node's slot was last seen to change, null when it stood still. */
  readonly changedAt: readonly [number | null, number | null]
  readonly reads: LatencyHistory
  readonly watchedMs: number
}

/** Reads again and again for two renewals, at least half a second. */
export async function watch(context: CommandContext, disk: OneShotDisk, options: { readonly first: Buffer; readonly intervalMs: number }): Promise<Watched> {
  const { clock } = context
  const begun = clock.monotonic()
  const changedAt: [number | null, number | null] = [null, null]
  const reads = new LatencyHistory()
  const watchMs = Math.max(2.2 * options.intervalMs, 500)
  let last = options.first
  while (elapsed(begun, clock.monotonic()) < watchMs) {
    await pause(clock, Math.min(options.intervalMs / looksPerInterval, 100))
    const issued = clock.monotonic()
    const look = await disk.look()
    reads.add(elapsed(issued, clock.monotonic()))
    for (const slot of [0, 1] as const) if (!slotOf(look, slot).equals(slotOf(last, slot))) changedAt[slot] = clock.monotonic()
    last = look
  }
  return { last, changedAt, reads, watchedMs: elapsed(begun, clock.monotonic()) }
}

function shownNode(look: Buffer, context: { readonly slot: Slot; readonly header: AreaHeader; readonly setup: LeaseSetup; readonly movedMs: number | null; readonly wallMs: number }): ShownNode {
  const { slot, header, setup, movedMs, wallMs } = context
  const { keys } = setup.configuration
  const name = header.nodes[slot]
  const read = decodeNode(slotOf(look, slot), { slot, header }, keys)
  const unknown = { name, isSelf: name === setup.self, reason: null, generation: null, beat: null, ageMs: movedMs, promisedMs: null, phase: null, renewals: null }
  if (!read.ok) return read.reason === 'empty' ? { ...unknown, state: 'never' } : { ...unknown, state: 'unreadable', reason: `${refusalWords[read.reason]}${movedMs === null ? '' : '; it moves'}` }
  const { record } = read
  const state = record.state === 'released' ? 'released' : movedMs === null ? 'silent' : 'beating'
  return {
    ...unknown, state, generation: record.generation, beat: record.beat, ageMs: movedMs ?? Math.max(0, wallMs - record.wallMs), promisedMs: record.promisedMs,
    phase: wordOf(record, keys)?.phase ?? null, renewals: record.renewals.maxMs === 0 ? null : record.renewals
  }
}

function viewText(view: LeaseView): string {
  const { nodes, groups, orders, reads } = view
  const lines = [`lease area ${view.path}: ${nodes.map(node => node.name).join(' and ')}, lease ${view.leaseMs / 1000} s, made ${new Date(view.createdAt).toISOString()}`]
  if (view.storage.kind !== 'shared') lines.push(`WARNING: ${view.storage.what}`)
  lines.push('')
  for (const node of nodes) lines.push(nodeText(node, view.watchedMs))
  for (const order of orders) lines.push(`order: generation ${order.generation} of ${order.to} is to give up everything, says ${order.from}`)
  lines.push('')
  if (groups.length === 0) lines.push('no node shows resource groups there')
  else {
    const rows = [['GROUP', 'OWNER', 'EPOCH', 'RECORDS'], ...groups.map(group => [group.key ?? `(id ${group.id})`, group.isDisputed ? `${group.owner ?? ''} (DISPUTED)` : (group.owner ?? '-'), String(group.epoch), group.states.map(row => `${row.node} ${row.state} ${row.epoch}`).join(', ')])]
    const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
    for (const row of rows) lines.push(row.map((word, column) => word.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
  }
  lines.push('', `reads here: median ${shownMs(reads.medianMs)} ms, max ${shownMs(reads.maxMs)} ms (${reads.count} in ${shownAge(view.watchedMs)})`)
  return lines.join('\n')
}

function nodeText(node: ShownNode, watchedMs: number): string {
  const name = `node ${node.name}${node.isSelf ? ' (this one)' : ''}:`
  const life = node.generation === null ? '' : `, generation ${node.generation}, beat ${node.beat}`
  const phase = node.phase === null ? '' : `, ${node.phase}`
  const renewals = node.renewals === null ? '' : `; its renewals take ${shownMs(node.renewals.medianMs)} ms, p99 ${shownMs(node.renewals.p99Ms)} ms, max ${shownMs(node.renewals.maxMs)} ms`
  const promise = node.promisedMs === null ? '' : `, promised ${shownAge(node.promisedMs)}`
  switch (node.state) {
    case 'beating':
      return `${name} beating, ${shownAge(node.ageMs ?? 0)} ago${life}${phase}${promise}${renewals}`
    case 'silent':
      return `${name} SILENT for the ${shownAge(watchedMs)} that we watched; last written ${shownAge(node.ageMs ?? 0)} ago by its time of day${life}${phase}${promise}${renewals}`
    case 'released':
      return `${name} released by an operator ${shownAge(node.ageMs ?? 0)} ago${life}`
    case 'never':
      return `${name} never wrote here since the area was made`
    case 'unreadable':
      return `${name} UNREADABLE: its sector ${node.reason ?? ''}`
  }
}
