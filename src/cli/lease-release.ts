/** `heartbeat lease release NODE`: an operator's word that a node is off, written where the other one reads it. */

import { HaError } from '../base/errors.js'
import { bootId } from '../lease-disk/real-area.js'
import { nodePlace, type Slot } from '../lease/layout.js'
import { decodeNode, encodeNode } from '../lease/records.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'
import { endIfHanging } from './lease-hang.js'
import { slotOf, watch } from './lease-show.js'
import { leaseSetup, openArea, shownAge } from './lease-words.js'

interface ReleaseOptions {
  readonly path?: string
  readonly yes: boolean
  readonly json: boolean
}

const refused = (text: string): HaError => new HaError('HA_LEASE_REFUSED', text)

export async function leaseRelease(context: CommandContext, given: string, options: ReleaseOptions): Promise<number> {
  try {
    const text = await release(context, given.toLowerCase(), options)
    context.out(options.json ? JSON.stringify({ ok: true, node: given.toLowerCase(), text }) : text)
    return 0
  } catch (error) {
    return reportFailure(error, context, options)
  }
}

async function release(context: CommandContext, node: string, options: ReleaseOptions): Promise<string> {
  const setup = await leaseSetup(context, options.path)
  const { disk, header, look } = await openArea(context, setup)
  try {
    const slot: Slot | -1 = header.nodes[0] === node ? 0 : header.nodes[1] === node ? 1 : -1
    if (slot === -1) throw refused(`${node} is no node of this area; its nodes are ${header.nodes.join(' and ')}`)
    if (!options.yes) {
      throw refused(`nothing was written. Make sure that ${node} is off (no power, or no way to the shared disks), then add --yes. If it is not off, both nodes may write to the shared disks`)
    }
    // Twice as long as for a look: a node that is only slow must not be called off.
    const { changedAt, last, watchedMs } = await watch(context, disk, { first: look, intervalMs: Math.max(2 * setup.intervalMs, setup.leaseMs / 2.2) })
    const beats = `the sector of ${node} moves: it is alive`
    if (changedAt[slot] !== null) throw refused(`${beats}. Nothing was written; stop heartbeat there, or switch it off`)
    const { keys } = setup.configuration
    const read = decodeNode(slotOf(last, slot), { slot, header }, keys)
    const life = read.ok ? read.record : null
    const sectors = encodeNode(
      {
        node, state: 'released', bootId: bootId(), generation: life?.generation ?? 0, beat: (life?.beat ?? 0) + 1, sequence: 0, monotonicMs: context.clock.monotonic(),
        wallMs: context.clock.wall(), promisedMs: 0, renewals: { medianMs: 0, p99Ms: 0, maxMs: 0 }, datagram: new Uint8Array(0)
      },
      slot, header.area, keys
    )
    await disk.write(nodePlace(slot).from, sectors)
    const after = await watch(context, disk, { first: await disk.look(), intervalMs: setup.intervalMs })
    const stays = slotOf(after.last, slot).subarray(0, sectors.length).equals(Buffer.from(sectors))
    if (!stays) throw new HaError('HA_LEASE_REFUSED', `${beats}. It wrote over the release just now: make sure what runs there, at once`)
    return `released: ${node} stood still for ${shownAge(watchedMs)}, and counts as off from now on`
  } finally {
    await disk.close()
    endIfHanging(disk)
  }
}
