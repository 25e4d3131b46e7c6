/** One life of a cluster each, with the figures it yields. All outages are the client's: time without any answer. */

import { readdirSync } from 'node:fs'
import { monotonicMs } from '../lab/command.js'
import { Lab } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import { readProc } from '../lab/registry.js'
import { address, type Contender } from './contenders.js'

export type Figure = 'failover' | 'switch' | 'coldstart' | 'lonestart' | 'rss' | 'pss' | 'cpu'

/**
 * A figure with its value: ms, except rss and pss (KB) and cpu (ms a minute). The proportional set size halves what two
 * nodes on this one machine share, the program itself above all; the resident set size is what one machine alone pays.
 */
export type Figures = Partial<Record<Figure, number>>

export type Scenario = 'failover' | 'switch' | 'coldstart' | 'idle'

const settleLimitMs = 60_000
/** What a just-in-time compiler does in the first minute is no idling. */
const warmUpMs = 60_000
/** The idle cost is the median of so many watches, one after the other. */
const idleWatches = 5
const idleWatchMs = 12_000

/** Both nodes start together; then, as asked, a planned switch, rest, and the power loss of the node that serves. */
export async function pairLife(contender: Contender, wanted: ReadonlySet<Scenario>): Promise<Figures> {
  return withLab(contender, async lab => {
    const figures: Figures = {}
    const probe = lab.probe({ address, everyMs: 2, thresholdMs: 10 })
    const began = monotonicMs()
    await Promise.all(lab.nodes.map(node => contender.start(node)))
    await lab.waitFor('the first answer', () => probe.answeredBy, contender.coldStartLimitMs)
    if (wanted.has('coldstart')) figures.coldstart = (probe.owners[0]?.atMs ?? Infinity) - began
    await lab.waitFor('both nodes to settle', () => contender.isSettled(lab), settleLimitMs)
    let owner = await ownerOf(lab)
    if (wanted.has('switch')) {
      const next = lab.peerOf(owner)
      const from = monotonicMs()
      const handingOver = contender.handOver(owner)
      await lab.waitFor(`${next.name} to answer`, () => probe.answeredBy === next.name, settleLimitMs)
      await handingOver
      figures.switch = probe.longestOutageSince(from)
      await lab.waitFor('both nodes to settle', () => contender.isSettled(lab), settleLimitMs)
      owner = next
    }
    if (wanted.has('idle')) {
      // The idle node: the other one also serves the probe.
      const idle = lab.peerOf(owner)
      await startIfEnded(contender, idle)
      await lab.waitFor('both nodes to settle', () => contender.isSettled(lab), settleLimitMs)
      Object.assign(figures, await idleCost(idle))
    }
    if (wanted.has('failover')) {
      const next = lab.peerOf(owner)
      await startIfEnded(contender, next)
      await lab.waitFor('both nodes to settle', () => contender.isSettled(lab), settleLimitMs)
      const died = await lab.powerOff(owner)
      await lab.waitFor(`${next.name} to answer`, () => probe.answeredBy === next.name, settleLimitMs)
      figures.failover = probe.longestOutageSince(died)
    }
    await probe.stop()
    return figures
  })
}

/** One node starts while the other is off. */
export async function loneLife(contender: Contender): Promise<Figures> {
  return withLab(contender, async lab => {
    await lab.powerOff(lab.n2)
    const probe = lab.probe({ address, everyMs: 2, thresholdMs: 10 })
    const began = monotonicMs()
    await contender.start(lab.n1)
    await lab.waitFor('the first answer', () => probe.answeredBy, contender.coldStartLimitMs)
    const lonestart = (probe.owners[0]?.atMs ?? Infinity) - began
    await probe.stop()
    return { lonestart }
  })
}

async function withLab(contender: Contender, life: (lab: Lab) => Promise<Figures>): Promise<Figures> {
  const lab = await Lab.create({ prefix: 'ben', diskMegabytes: 0 })
  try {
    await contender.configure(lab)
    return await life(lab)
  } finally {
    lab.dispose()
  }
}

async function ownerOf(lab: Lab): Promise<LabNode> {
  const name = await lab.waitFor('one holder', async () => {
    const holders = await lab.holdersOf(address)
    return holders.length === 1 && holders[0]
  }, settleLimitMs)
  return lab.node(name)
}

/** The laboratory's own processes on a node carry its mark. */
const isOfTheLab = (pid: number): boolean => readProc(pid, 'cmdline')?.includes('hblab:') !== false || readProc(pid, 'comm')?.trim() === 'sleep'

/** Memory and processor time of everything the contender runs on a node, over a while of doing nothing. */
/** A contender whose switch ended the daemon that gave way needs it again. */
async function startIfEnded(contender: Contender, node: LabNode): Promise<void> {
  if (node.processes().every(isOfTheLab)) await contender.start(node)
}

async function idleCost(node: LabNode): Promise<Figures> {
  await pause(warmUpMs)
  const pids = node.processes().filter(pid => !isOfTheLab(pid))
  const watches: number[] = []
  for (let watch = 0; watch < idleWatches; watch += 1) {
    const before = runtimeMsOf(pids)
    const began = monotonicMs()
    await pause(idleWatchMs)
    watches.push(((runtimeMsOf(pids) - before) * 60_000) / (monotonicMs() - began))
  }
  const kilobytes = (word: string): number =>
    pids.reduce((sum, pid) => sum + Number(new RegExp(`^${word}:\\s+(\\d+)`, 'm').exec(readProc(pid, 'smaps_rollup') ?? '')?.[1] ?? 0), 0)
  return { rss: kilobytes('Rss'), pss: kilobytes('Pss'), cpu: watches.sort((one, other) => one - other)[Math.floor(idleWatches / 2)] ?? 0 }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Time on a processor since they began, all threads together, by the scheduler's own clock (nanoseconds, no sampling). */
function runtimeMsOf(pids: readonly number[]): number {
  const threads = pids.flatMap(pid => threadsOf(pid).map(thread => readProc(pid, `task/${thread}/schedstat`)))
  return threads.reduce((sum, text) => sum + Number(text?.split(' ', 1)[0] ?? 0) / 1e6, 0)
}

/** None when the process is gone. */
function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
