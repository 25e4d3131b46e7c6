/** Faults that are measured for this project alone: a power loss behind a lease, and a flushed address. */

import fs from 'node:fs'
import path from 'node:path'
import { parseAuthkeys } from '../../src/config/authkeys.js'
import { nodePlace, sectorBytes } from '../../src/lease/layout.js'
import { decodeHeader, decodeNode } from '../../src/lease/records.js'
import { monotonicMs } from '../lab/command.js'
import { address, authkeys } from '../system/cluster.js'
import { leaseMs, SafetyLab } from '../system/safety-lab.js'
import { Holdings, wallToMonotonic } from './holdings.js'
import { pause, tellWhenAsked } from './safety-faults.js'

export { leaseMs } from '../system/safety-lab.js'

export const flushes = 20
const limitMs = 20_000
/** Between two faults: the guard's own patience must not be what is measured. */
const restMs = 1_000

/** A pair with a lease on a file; its owner loses its power, again and again. */
export async function leaseLives(runs: number, onLife: (run: number, figures: Record<string, number>) => void): Promise<void> {
  await withSafetyLab('lease', async safety => {
    const { lab } = safety.cluster
    for (let run = 1; run <= runs; run += 1) {
      if (run > 1) await safety.restore()
      const holdings = await Holdings.of(lab, address)
      // At any moment between two renewals.
      await pause(restMs + (run * 137) % leaseMs)
      const toMonotonic = wallToMonotonic()
      const died = await lab.powerOff(safety.n1)
      const renewed = toMonotonic(renewalOf(path.join(lab.directory, 'lease')))
      await lab.waitFor('n2 to hold the address', () => holdings.holders.includes('n2'), leaseMs + limitMs)
      const taken = holdings.spans.find(span => span.fromMs > died && span.holders.includes('n2'))?.fromMs ?? Infinity
      tellWhenAsked(lab, holdings, died)
      await holdings.stop()
      onLife(run, { leasePower: taken - died, leaseRenewal: taken - renewed })
    }
  })
}

/** Time of day at which the node that is first in the area wrote last, as it says itself, in ms. */
function renewalOf(area: string): number {
  const { keys } = parseAuthkeys({ file: 'authkeys', text: authkeys, mode: null, ownerUid: null }, { uid: 0 })
  if (keys === null) throw new Error('the keys of the laboratory are not valid')
  const bytes = fs.readFileSync(area)
  const described = decodeHeader(bytes.subarray(0, sectorBytes), keys)
  if (!described.ok) throw new Error(`no lease area in ${area}: ${described.reason}`)
  const slot = described.header.nodes[0] === 'n1' ? 0 : 1
  const { from, to } = nodePlace(slot)
  const read = decodeNode(bytes.subarray(from, to), { slot, header: described.header }, keys)
  if (!read.ok) throw new Error(`n1 has no record in ${area}: ${read.reason}`)
  return read.record.wallMs
}

/** One pair; its owner's interface is flushed twenty times. */
export async function guardLife(onFlush: (flush: number, figures: Record<string, number>) => void): Promise<void> {
  await withSafetyLab('none', async safety => {
    const { lab } = safety.cluster
    const { n1 } = safety
    const holdings = await Holdings.of(lab, address)
    const probe = lab.probe({ address, everyMs: 2, thresholdMs: 20 })
    await lab.waitFor('n1 answers the client', () => probe.answeredBy === 'n1', limitMs)
    for (let flush = 1; flush <= flushes; flush += 1) {
      await pause(restMs)
      const began = monotonicMs()
      await n1.run(['ip', 'address', 'flush', 'dev', 'eth0'])
      const gone = await lab.waitFor('the address to be gone', () => holdings.spans.find(span => span.fromMs > began && span.holders.length === 0), limitMs)
      const back = await lab.waitFor('the address to be back', () => holdings.spans.find(span => span.fromMs >= gone.fromMs && span.holders.length === 1), limitMs)
      await lab.waitFor('n1 answers the client', () => monotonicMs() - began > restMs / 2 && probe.answeredBy === 'n1', limitMs)
      onFlush(flush, { guardBack: back.fromMs - gone.fromMs, guardClient: probe.longestOutageSince(began) })
      // The flush took the node's own address, too, which is nobody's business but the administrator's.
      await n1.run(['ip', 'address', 'add', `${n1.serviceAddress}/24`, 'dev', 'eth0', 'broadcast', '+'])
      tellWhenAsked(lab, holdings, began)
    }
    await probe.stop()
    await holdings.stop()
  })
}

async function withSafetyLab<T>(method: 'lease' | 'none', life: (safety: SafetyLab) => Promise<T>): Promise<T> {
  const ends: (() => void | Promise<void>)[] = []
  try {
    return await life(await SafetyLab.running({ teardown: end => void ends.push(end) }, method))
  } finally {
    for (const end of ends.reverse()) await end()
  }
}
