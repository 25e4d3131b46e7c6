/** `heartbeat lease test`: measures what a renewal costs on this disk from this node. */

import { elapsed } from '../base/units.js'
import { HaError } from '../base/errors.js'
import { pause } from '../lease-disk/one-shot.js'
import { LatencyHistory, supportedLeaseMs, type LatencyFigures } from '../lease/latency.js'
import { scratchPlace, sectorBytes } from '../lease/layout.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'
import { endIfHanging } from './lease-hang.js'
import { leaseSetup, leaseStatuses, openArea, shownMs } from './lease-words.js'

interface TestOptions {
  readonly path?: string
  readonly for: number
  readonly json: boolean
}

/** Between two measurements: a daemon writes far more seldom, and others use the disk, too. */
const restMs = 5
/** Ten minutes of measurements. */
const keptMax = 120_000

export async function leaseTest(context: CommandContext, options: TestOptions): Promise<number> {
  try {
    const setup = await leaseSetup(context, options.path)
    const { writes, reads } = await measure(context, setup, options.for)
    const worst: LatencyFigures = { count: writes.count, medianMs: Math.max(writes.medianMs, reads.medianMs), p99Ms: Math.max(writes.p99Ms, reads.p99Ms), maxMs: Math.max(writes.maxMs, reads.maxMs) }
    const supportedMs = supportedLeaseMs(worst)
    const isEnough = supportedMs <= setup.leaseMs
    if (options.json) context.out(JSON.stringify({ ok: true, path: setup.path, writes, reads, leaseMs: setup.leaseMs, supportedLeaseMs: supportedMs, isEnough }))
    else {
      const row = (name: string, figures: LatencyFigures): string => `${name.padEnd(8)} ${String(figures.count).padStart(6)}  median ${shownMs(figures.medianMs)} ms, p99 ${shownMs(figures.p99Ms)} ms, max ${shownMs(figures.maxMs)} ms`
      context.out(row('writes', writes))
      context.out(row('reads', reads))
      context.out(`This disk keeps a lease of ${supportedMs / 1000} s or longer (fifty times the p99, ten times the slowest).`)
      const times = Math.floor(setup.leaseMs / Math.max(worst.p99Ms, 0.01))
      context.out(isEnough ? `The lease of ${setup.leaseMs / 1000} s is ${times} times the p99: long enough.` : `The lease of ${setup.leaseMs / 1000} s is TOO SHORT here: write \`lease ${setup.path} ${Math.min(supportedMs, 60_000) / 1000}s\` into ha.cf, or use a faster disk.`)
    }
    return isEnough ? 0 : leaseStatuses.tooSlow
  } catch (error) {
    return reportFailure(error, context, options)
  }
}

async function measure(context: CommandContext, setup: Awaited<ReturnType<typeof leaseSetup>>, forMs: number): Promise<{ readonly writes: LatencyFigures; readonly reads: LatencyFigures }> {
  const { disk, header } = await openArea(context, setup)
  try {
    const slot = header.nodes[0] === setup.self ? 0 : 1
    const place = scratchPlace(slot)
    const { clock } = context
    const writes = new LatencyHistory(keptMax)
    const reads = new LatencyHistory(keptMax)
    const sector = Buffer.alloc(sectorBytes)
    const begun = clock.monotonic()
    const timed = async (history: LatencyHistory, operation: () => Promise<unknown>): Promise<void> => {
      const issued = clock.monotonic()
      await operation()
      history.add(elapsed(issued, clock.monotonic()))
    }
    for (let round = 1; elapsed(begun, clock.monotonic()) < forMs; round++) {
      sector.writeUInt32BE(round, 0) // some disks make nothing of a write that changes nothing
      await timed(writes, () => disk.write(place.from, sector))
      await timed(reads, () => disk.look())
      await pause(clock, restMs)
    }
    if (writes.figures().count === 0) throw new HaError('HA_LEASE_UNUSABLE', `${setup.path}: nothing could be measured`)
    return { writes: writes.figures(), reads: reads.figures() }
  } finally {
    await disk.close()
    endIfHanging(disk)
  }
}
