/** Lays out the accounts of both nodes for a person. Pure. */

import type { WhyReport } from '../control/protocol.js'
import type { NodeWhy, ToldGroup, ToldMove } from '../flight/why.js'

/** Two accounts are about the same move when the clocks say so within this; clocks of a cluster agree better. */
const sameMoveMs = 10_000

export function whyText(report: WhyReport, notes: readonly string[]): string {
  const { own, peer, peerTrouble } = report
  const groups = own.groups.flatMap((group, index) => [...(index === 0 ? [] : ['']), ...groupText(group, own, peer?.groups.find(one => one.key === group.key) ?? null, peer)])
  const told = groups.length === 0 ? ['no resource groups in haresources'] : groups
  const ends = [...(peerTrouble === null ? [] : [`The other node's record was not available: ${peerTrouble}.`]), ...notes.map(note => `note: ${note}`)]
  return [...told, ...(ends.length === 0 ? [] : ['', ...ends])].join('\n')
}

function groupText(group: ToldGroup, own: NodeWhy, theirs: ToldGroup | null, peer: NodeWhy | null): readonly string[] {
  const best = [
    { node: own.node, move: group.move },
    { node: peer?.node ?? '', move: theirs?.move ?? null }
  ]
    // Whoever it moved to knows best; a node that only found it running knows nothing.
    .filter((one): one is { node: string; move: ToldMove } => one.move !== null && (one.move.from !== null || one.move.facts.length > 0))
    .sort((a, b) => newest(b.move) - newest(a.move) || Number(b.move.to === b.node) - Number(a.move.to === a.node))
  const [first] = best
  if (first === undefined) return [`${group.key} has not moved since ${day(own.sinceMs)} ${time(own.sinceMs)}`, ...nowText(group)]
  const others = best.filter(one => one !== first && isSame(one.move, first.move))
  const facts = [first, ...others].flatMap(one => one.move.facts.map(fact => ({ ...fact, node: one.node }))).sort((a, b) => a.wallMs - b.wallMs)
  return [`${headline(group.key, first.move)}: ${chain(first.move)}${outage(first.move)}`, ...facts.map(fact => `  ${time(fact.wallMs)}  ${fact.node}: ${fact.text}`), ...nowText(group)]
}

const newest = (move: ToldMove): number => move.facts.at(-1)?.wallMs ?? move.runningMs ?? 0
const isSame = (one: ToldMove, other: ToldMove): boolean => Math.abs(newest(one) - newest(other)) <= sameMoveMs

function headline(key: string, move: ToldMove): string {
  const { downMs, from, runningMs, to } = move
  if (to === null) return `${key} has been without an owner since ${downMs === null ? 'the start' : moment(downMs)}${from === null ? '' : ` (it ran on ${from})`}`
  const at = runningMs === null ? '' : moment(runningMs)
  if (from === null) return `${key} came to run on ${to} ${at}`
  return from === to ? `${key} was restarted on ${to} ${at}` : `${key} moved from ${from} to ${to} ${at}`
}

const outage = ({ downMs, runningMs }: ToldMove): string => (downMs === null || runningMs === null ? '' : `; outage ${span(runningMs - downMs)}`)

const chain = (move: ToldMove): string => (move.facts.length === 0 ? 'nothing is known of the causes' : move.facts.map(fact => fact.text).join(' -> '))

function nowText(group: ToldGroup): readonly string[] {
  const where = group.owner === null ? `runs nowhere: ${group.here}` : `runs on ${group.owner} now: ${group.here}`
  return [`  ${where}`, ...group.elsewhere.map(one => `  not on ${one.node}: ${one.why}`)]
}

const iso = (wallMs: number): string => {
  const date = new Date(wallMs)
  return new Date(wallMs - date.getTimezoneOffset() * 60_000).toISOString()
}
const day = (wallMs: number): string => iso(wallMs).slice(0, 10)
const time = (wallMs: number): string => iso(wallMs).slice(11, 23)
const moment = (wallMs: number): string => `on ${day(wallMs)} at ${time(wallMs)}`
const span = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)
