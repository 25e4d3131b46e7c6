/**
 * The ownership and lease protocol, checked exhaustively: the production core in a small cluster (model.ts), every way in
 * which a bounded number of things can go wrong. And the same search over wrong rules put in on purpose: a check that
 * cannot fail proves nothing.
 */

import t from 'tap'
import type { ClusterEvent } from '../../src/cluster/types.js'
import { explore } from './explorer.js'
import type { Rules } from './model.js'

const statesMax = 1_000_000

/** Everything at once goes as far as a minute allows; a few kinds of fault at a time go farther. */
const searches: readonly { readonly rules: Rules; readonly budget: number; readonly horizonMs: number }[] = [
  { rules: { method: 'lease' }, budget: 1, horizonMs: 3_000 },
  { rules: { method: 'lease' }, budget: 2, horizonMs: 450 },
  { rules: { method: 'lease', faults: ['wire', 'disk'] }, budget: 2, horizonMs: 1_800 },
  { rules: { method: 'lease', faults: ['wire', 'sleep'] }, budget: 2, horizonMs: 800 },
  { rules: { method: 'lease', faults: ['wire', 'slow'] }, budget: 2, horizonMs: 1_500 },
  { rules: { method: 'lease', faults: ['datagrams', 'power'] }, budget: 2, horizonMs: 1_500 },
  { rules: { method: 'fencing' }, budget: 2, horizonMs: 1_500 },
  { rules: { method: 'fencing' }, budget: 3, horizonMs: 500 }
]

for (const { rules, budget, horizonMs } of searches) {
  const kinds = rules.faults?.join(', ') ?? 'everything'
  t.test(`explorer (${rules.method}): ${budget} times ${kinds} go wrong, in every way, at every moment of ${horizonMs} ms -> never two owners`, t => {
    const found = explore({ rules, budget, horizonMs, statesMax })
    t.comment(`${found.states} states, ${found.steps} steps; in ${found.owned} of the states somebody owned the group, in ${found.taken} the other node than at first`)
    t.strictSame(found.trace, null)
    t.notOk(found.isCut, 'the search is complete')
    t.ok(found.owned > 0, 'somebody served')
    t.end()
  })
}

type Mutation = (event: ClusterEvent) => ClusterEvent

/** The other node's sector is never seen to move, and nothing is heard through the disk. */
const overlooksBeats: Mutation = event => {
  if (event.kind === 'heard' && event.link === 1) return { kind: 'tick', now: event.now }
  if (event.kind !== 'lease' || event.report.kind !== 'read' || event.report.peer === null) return event
  return { ...event, report: { ...event.report, peer: { ...event.report.peer, sequence: 1 } } }
}

/** A write that failed counts as a renewal. */
const believesFailedWrites: Mutation = event =>
  event.kind === 'lease' && event.report.kind === 'trouble' && event.report.operation === 'write'
    ? { ...event, report: { kind: 'written', from: event.now, tookMs: 0, sequence: 0 } }
    : event

/** The device says that it worked when it did not. */
const believesTheDevice: Mutation = event =>
  event.kind === 'fenced' && event.outcome.kind === 'failed' ? { ...event, outcome: { kind: 'fenced', device: 'liar', durationMs: 1 } } : event

const wrongRules: readonly { readonly name: string; readonly rules: Rules; readonly budget: number; readonly horizonMs: number }[] = [
  { name: 'the beats on the disk are overlooked', rules: { method: 'lease', mutate: overlooksBeats }, budget: 1, horizonMs: 1_500 },
  { name: 'a failed write counts as a renewal', rules: { method: 'lease', faults: ['wire', 'disk'], mutate: believesFailedWrites }, budget: 2, horizonMs: 1_800 },
  { name: 'a failed shot counts as a hit', rules: { method: 'fencing', faults: ['wire', 'device'], mutate: believesTheDevice }, budget: 3, horizonMs: 2_500 }
]

for (const { name, rules, budget, horizonMs } of wrongRules) {
  t.test(`explorer finds a wrong rule: ${name} -> two owners, with all that led to it`, t => {
    const found = explore({ rules, budget, horizonMs, statesMax })
    t.comment(`${found.states} states${found.trace === null ? '' : `; ${found.trace.filter(line => line.startsWith('!')).join(', ')}`}`)
    t.type(found.trace, Array)
    t.end()
  })
}
