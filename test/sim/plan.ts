/**
 * Draws what happens to a simulated cluster from one seed: what is configured against two owners, and a list of strikes.
 *
 * The list is drawn before anything runs, each strike with all its numbers, and from a stream of chance of its own. So a
 * strike can be left out (shrink.ts) without changing the others, and a failing life becomes a short one.
 */

import { Prng } from '../../src/base/prng.js'

export const nodeNames = ['alpha', 'beta'] as const
export type NodeName = (typeof nodeNames)[number]

export const faultKinds = [
  'loss', 'delay', 'duplicate', 'replay', 'cut', 'cut-one-way', 'flap', 'isolate',
  'power', 'kill', 'freeze', 'suspend', 'stop', 'move', 'hold', 'confirm-off',
  'start-fails', 'start-hangs', 'stop-fails', 'carrier',
  'disk-slow', 'disk-fails', 'disk-lost', 'disk-hangs', 'arbiter-lost', 'arbiter-slow', 'arbiter-restart', 'ping-lost', 'fence-fails', 'fence-hangs'
] as const
export type FaultKind = (typeof faultKinds)[number]

/** These are there from the beginning until the heal, or not at all. */
const lastingKinds: readonly FaultKind[] = ['loss', 'delay', 'duplicate']

export const methodNames = ['fencing', 'lease', 'arbiter', 'quorum'] as const
export type Method = (typeof methodNames)[number]

/** Every method alone, and those that people combine; nothing at all is drawn more often, as most clusters have nothing. */
const mixes: readonly (readonly Method[])[] = [
  [], [], ['fencing'], ['fencing'], ['lease'], ['lease'], ['arbiter'], ['arbiter'], ['quorum'],
  ['fencing', 'lease'], ['fencing', 'arbiter'], ['fencing', 'quorum'], ['lease', 'arbiter'], ['lease', 'quorum'], ['fencing', 'lease', 'arbiter', 'quorum']
]

export interface Strike {
  readonly index: number
  readonly atMs: number
  readonly kind: FaultKind
  readonly node: 0 | 1
  readonly lastsMs: number
  /** What else the kind needs to choose: links, groups, which of two ways. */
  readonly pick: number
}

export interface Plan {
  readonly methods: readonly Method[]
  readonly autoFailback: 'on' | 'off'
  readonly homes: readonly NodeName[]
  readonly bootAtMs: readonly [number, number]
  /** Of each node's monotonic clock. */
  readonly drift: readonly { readonly offsetMs: number; readonly rate: number }[]
  readonly hasGuard: boolean
  readonly strikes: readonly Strike[]
}

export const faultsUntilMs = 12_000

/** Streams of chance that do not disturb each other. */
export const streamOf = (seed: number, stream: number): Prng => new Prng((Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca77)) | 0)

export function drawPlan(seed: number): Plan {
  const prng = streamOf(seed, 0)
  const methods = prng.pick(mixes)
  const autoFailback = prng.chance(1, 2) ? 'on' : 'off'
  const homes = Array.from({ length: prng.between(1, 3) }, () => prng.pick(nodeNames))
  const bootAtMs = [prng.between(0, 400), prng.between(0, 400)] as const
  const drift = nodeNames.map(() => ({ offsetMs: prng.between(0, 1_000_000), rate: 1 + prng.between(-50, 50) * 1e-5 }))
  const hasGuard = methods.some(method => method !== 'quorum') || prng.chance(1, 2)
  const kinds = faultKinds.filter(kind => prng.chance(2, 5) && isPossible(kind, methods))
  return { methods, autoFailback, homes, bootAtMs, drift, hasGuard, strikes: drawStrikes(streamOf(seed, 1), kinds) }
}

/** A fault of something that is not configured is no fault. */
function isPossible(kind: FaultKind, methods: readonly Method[]): boolean {
  if (kind.startsWith('disk-')) return methods.includes('lease')
  if (kind.startsWith('arbiter-')) return methods.includes('arbiter')
  if (kind.startsWith('fence-') || kind === 'confirm-off') return methods.includes('fencing')
  return kind !== 'ping-lost' || methods.includes('quorum')
}

function drawStrikes(prng: Prng, kinds: readonly FaultKind[]): readonly Strike[] {
  const strikes: Strike[] = []
  const add = (atMs: number, kind: FaultKind, lastsMs: number): void => {
    strikes.push({ index: strikes.length, atMs, kind, node: prng.below(2) === 0 ? 0 : 1, lastsMs: Math.min(lastsMs, faultsUntilMs - atMs), pick: prng.below(0x10000) })
  }
  for (const kind of kinds) if (lastingKinds.includes(kind)) add(0, kind, faultsUntilMs)
  const passing = kinds.filter(kind => !lastingKinds.includes(kind))
  if (passing.length === 0) return strikes
  for (let at = prng.between(500, 2_000); at < faultsUntilMs; at += prng.chance(1, 3) ? prng.between(0, 300) : prng.between(50, 2_000)) {
    add(at, prng.pick(passing), prng.chance(1, 2) ? prng.between(20, 900) : prng.between(900, 6_000))
  }
  return strikes
}

export const strikeText = (strike: Strike): string =>
  `#${strike.index} ${String(strike.atMs).padStart(5)} ms ${strike.kind} ${nodeNames[strike.node]} for ${strike.lastsMs} ms (${strike.pick})`
