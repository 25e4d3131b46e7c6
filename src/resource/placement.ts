/**
 * Decides which of two nodes should have a resource group. Both nodes compute the same answer from the same two views.
 *
 * Two people and one chair: who sits stays seated, unless they get up, or the house rule says whose chair it is; if both
 * sit on it, the one who sat down last keeps it, since the other had been given up for dead.
 *
 * Rules, in this order
 *  1. Both hold it (after a healed partition, or a stall): the larger epoch keeps it, that is, whoever started it last:
 *     clients and storage followed that start. Equal epochs: the home node, then the name that sorts first.
 *  2. One holds it and may keep it: it stays, unless the other asks for it (takeover), the holder has lost a right that the
 *     other has (lease, arbiter), or reaches no ping node where the other reaches some, the holder was put on standby, the other reaches more ping nodes, or
 *     auto_failback wants it home. It never leaves for a node that cannot take it, nor while an asked-for start goes on.
 *  3. Nobody holds it: a node that asks for it, then one with all rights, then one not on standby, then the better connected
 *     one, then the home node.
 * A group that follows these rules comes to rest: where it began to start, rule 2 lets it stay.
 *
 * The answer is a wish. Whether it may be acted upon (claim, acknowledgement, death) is decided in cluster/.
 */

export interface Standing {
  readonly name: string
  /** Alive, done with looking around, not leaving, and not failed or blocked for this group. */
  readonly isEligible: boolean
  /** Starting or running it. */
  readonly isHolding: boolean
  readonly epoch: number
  readonly avoid: boolean
  readonly wanted: boolean
  /** It holds every right that it would need alone; one that does not gives the group to one that does. */
  readonly isFit: boolean
  /** Ping nodes that it reaches; null where none are configured. */
  readonly reached: number | null
}

export interface PlacementRules {
  readonly home: string
  readonly autoFailback: boolean
}

export interface Placement {
  /** The node that should have the group, or null when none can. */
  readonly node: string | null
  /** Why: a sentence part for the log and the operator. */
  readonly reason: string
}

export function placement(rules: PlacementRules, one: Standing, other: Standing): Placement {
  if (one.isHolding && other.isHolding) return { node: survivorOf(rules, one, other).name, reason: 'both nodes hold it; the last to start it keeps it' }
  if (one.isHolding) return placeHeld(rules, one, other)
  if (other.isHolding) return placeHeld(rules, other, one)
  const candidates = [one, other].filter(node => node.isEligible).sort((a, b) => rank(rules, b, a) - rank(rules, a, b) || compare(a.name, b.name))
  const best = candidates[0]
  if (best === undefined) return { node: null, reason: 'no node can run it now' }
  if (best.wanted) return { node: best.name, reason: 'an operator asked for it there' }
  if (best.name === rules.home) return { node: best.name, reason: 'it is the home node' }
  const passed = candidates.find(node => node.name === rules.home)
  if (passed !== undefined && best.isFit && !passed.isFit) return { node: best.name, reason: `${passed.name} has lost a right to hold it` }
  if (passed !== undefined && passed.avoid === best.avoid && isBetterConnected(best, passed)) return { node: best.name, reason: `it reaches more ping nodes than ${passed.name}` }
  const isHomeOnStandby = candidates.some(node => node.name === rules.home && node.avoid)
  return { node: best.name, reason: isHomeOnStandby ? 'an operator put its home node on standby' : 'the home node cannot run it now' }
}

/** Of two holders, the one that keeps the group. */
export function survivorOf(rules: PlacementRules, one: Standing, other: Standing): Standing {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch ? one : other
  if (one.name === rules.home) return one
  if (other.name === rules.home) return other
  return compare(one.name, other.name) < 0 ? one : other
}

function placeHeld(rules: PlacementRules, holder: Standing, other: Standing): Placement {
  if (!holder.isEligible) {
    return other.isEligible
      ? { node: other.name, reason: `${holder.name} gives it up` }
      : { node: null, reason: `${holder.name} gives it up and no other node can run it` }
  }
  if (!other.isEligible) return { node: holder.name, reason: 'it runs there' }
  // A wish ends when its start has: until then neither home nor a second operator calls the group away half started.
  if (holder.wanted) return { node: holder.name, reason: 'an operator asked for it there' }
  if (other.wanted) return { node: other.name, reason: 'an operator asked for it there' }
  if (other.isFit && !holder.isFit) return { node: other.name, reason: `${holder.name} has lost a right to hold it` }
  if (!other.isFit && holder.isFit) return { node: holder.name, reason: 'it runs there' }
  if (isCutOff(holder, other)) return { node: other.name, reason: `${holder.name} reaches no ping node` }
  if (isCutOff(other, holder)) return { node: holder.name, reason: 'it runs there' }
  if (holder.avoid) return { node: other.name, reason: `an operator put ${holder.name} on standby` }
  if (!other.avoid && isBetterConnected(other, holder)) return { node: other.name, reason: `it reaches more ping nodes than ${holder.name}` }
  if (rules.autoFailback && other.name === rules.home && !other.avoid && !isBetterConnected(holder, other)) {
    return { node: other.name, reason: 'auto_failback: its home node is back' }
  }
  return { node: holder.name, reason: 'it runs there' }
}

const rank = (rules: PlacementRules, node: Standing, other: Standing): number =>
  (node.wanted ? 32 : 0) + (node.isFit ? 16 : 0) + (isCutOff(node, other) ? 0 : 8) + (node.avoid ? 0 : 4) + (isBetterConnected(node, other) ? 2 : 0) + (node.name === rules.home ? 1 : 0)

/** Linux-HA's ipfail: more ping nodes answer here. Nodes that watch none, or not the same way, are not compared. */
const isBetterConnected = (one: Standing, other: Standing): boolean => one.reached !== null && other.reached !== null && one.reached > other.reached

/** It reaches nobody where the other reaches somebody: what it runs is of no use, whatever an operator once wished. */
const isCutOff = (one: Standing, other: Standing): boolean => one.reached === 0 && isBetterConnected(other, one)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
