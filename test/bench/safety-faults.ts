/** The owner stands still, or the nodes do not hear each other: one life of a pair each, for every contender. */

import { command, monotonicMs } from '../lab/command.js'
import { Lab } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import type { Probe } from '../lab/probe.js'
import { address, type Contender } from './contenders.js'
import { heldBy, Holdings, longestHeldBy } from './holdings.js'

export const freezeMs = 2_000
export const partitionMs = 3_000

interface Asking {
  readonly everyMs: number
  readonly thresholdMs: number
}
const closeProbe: Asking = { everyMs: 2, thresholdMs: 20 }
/**
 * What a frozen node was asked it answers when it goes on, and our service and the client do that at real-time priority:
 * at 2 ms that keeps both processors from the daemon for 6 ms.
 */
const frozenProbe: Asking = { everyMs: 20, thresholdMs: 60 }

const startLimitMs = 60_000
/** For good: longer than any manager's second thoughts, Linux-HA's restart after a partition included. */
const calmMs = 10_000
const calmLimitMs = 120_000
/** Between the start and the fault: the first announcements (5 s), and whatever a new process does first, are over then. */
const restMs = 7_000

export async function freezeLife(contender: Contender): Promise<Record<string, number>> {
  return withPair(contender, frozenProbe, async ({ lab, owner, probe, holdings }) => {
    const stopped = monotonicMs()
    owner.freeze()
    // Nobody is born while all stand still: they go on together, not one after the other as they are found.
    const pids = owner.processes()
    await pause(stopped + freezeMs - monotonicMs())
    const thawed = monotonicMs()
    for (const pid of pids) process.kill(pid, 'SIGCONT')
    await holdings.settled(calmMs, calmLimitMs)
    const end = monotonicMs()
    tellWhenAsked(lab, holdings, thawed, probe)
    return {
      freezeBoth: heldBy(2, holdings.spans, thawed, end),
      freezeNobody: longestHeldBy(0, holdings.spans, stopped, end),
      freezeClient: probe.longestOutageSince(thawed)
    }
  })
}

export async function healLife(contender: Contender): Promise<Record<string, number>> {
  return withPair(contender, closeProbe, async ({ lab, probe, holdings }) => {
    await hearEachOther(lab, false)
    await pause(partitionMs)
    if (holdings.holders.length !== 2) throw new Error(`cut off for ${partitionMs} ms, and held by [${holdings.holders.join(' ')}]`)
    const healed = monotonicMs()
    await hearEachOther(lab, true)
    const since = await holdings.settled(calmMs, calmLimitMs)
    const end = monotonicMs()
    tellWhenAsked(lab, holdings, healed, probe)
    return {
      healOne: since - healed,
      healNobody: longestHeldBy(0, holdings.spans, healed, end),
      healClient: probe.longestOutageSince(healed)
    }
  })
}

/** The switch passes nothing on between the nodes' ports; cards keep their carrier, and the client reaches both. */
async function hearEachOther(lab: Lab, doThey: boolean): Promise<void> {
  const lines = ['n1e0', 'n2e0', 'n1e1', 'n2e1'].map(port => `link set ${port} type bridge_slave isolated ${doThey ? 'off' : 'on'}`)
  await command(['ip', '-n', `${lab.name}-sw`, '-batch', '-'], { input: `${lines.join('\n')}\n` })
}

interface Pair {
  readonly lab: Lab
  readonly owner: LabNode
  readonly probe: Probe
  readonly holdings: Holdings
}

async function withPair<T>(contender: Contender, asking: Asking, life: (pair: Pair) => Promise<T>): Promise<T> {
  const lab = await Lab.create({ prefix: 'bsf', diskMegabytes: 0 })
  try {
    await contender.configure(lab)
    await Promise.all(lab.nodes.map(node => contender.start(node)))
    await lab.waitFor('both nodes to settle', () => contender.isSettled(lab), startLimitMs)
    const holdings = await Holdings.of(lab, address)
    await holdings.settled(restMs, startLimitMs)
    const [name = 'n1'] = holdings.holders
    const probe = lab.probe({ address, ...asking })
    await lab.waitFor('an answer', () => probe.answeredBy, startLimitMs)
    const result = await life({ lab, owner: lab.node(name), probe, holdings })
    await probe.stop()
    await holdings.stop()
    return result
  } finally {
    lab.dispose()
  }
}

/** BENCH_TRACE=1: who held the address from when on, and what the nodes logged, for a figure that misses its goal. */
export function tellWhenAsked(lab: Lab, holdings: Holdings, zeroMs: number, probe: Probe | null = null): void {
  if (process.env['BENCH_TRACE'] !== '1') return
  const after = (atMs: number): string => (atMs - zeroMs).toFixed(1)
  const spans = holdings.spans.map(span => `  ${after(span.fromMs)} [${span.holders.join(' ')}]`)
  const outages = probe?.outages.map(outage => `  client: nobody from ${after(outage.fromMs)} for ${outage.ms?.toFixed(1) ?? 'ever'}, ${outage.before ?? '-'} then ${outage.by ?? '-'}`) ?? []
  const owners = probe?.owners.map(owner => `  client: ${owner.by} from ${after(owner.atMs)}`) ?? []
  const logs = lab.nodes.flatMap(node => [`--- ${node.name}`, ...node.readLog().trimEnd().split('\n').slice(-25)])
  process.stderr.write(`${[...spans, ...outages, ...owners, ...logs].join('\n')}\n`)
}

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
