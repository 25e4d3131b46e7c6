/**
 * The runner on a rough disk together with the rules of safety/lease.ts: the other node's lease counts as run out only when
 * its own count has ended. Four hundred lives, the network cut in all of them, so that the disk alone decides.
 */

import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { instant, millis, type Instant } from '../../src/base/units.js'
import { createLeaseArea } from '../../src/lease-disk/area.js'
import { encodeHeader } from '../../src/lease/records.js'
import { hasSeenItEnd, isReadable, leaseUntil, onLeaseReport, peerLeaseEndsAt } from '../../src/safety/lease.js'
import type { LeaseState } from '../../src/safety/types.js'
import { VirtualClock } from '../sim/virtual-clock.js'
import { SharedPlatter } from './fake-disk.js'
import { header, keys } from './fixture.js'
import { RoughDisk, type Roughness } from './rough-disk.js'

const settings = { leaseMs: millis(3000), intervalMs: millis(375), link: 2 }
const unknown: LeaseState = { renewedFrom: null, visibleSince: null, readFrom: null, readAt: null, sight: null, changedAt: null, pill: null, hasMoved: false, readTrouble: null, writeTrouble: null }

interface Life {
  /** The holder's count ended: it has let go, for good. null while it holds. */
  readonly letGoAt: number | null
  /** The other one saw it run out. */
  readonly takenAt: number | null
  readonly cutAt: number | null
  /** How long the holder still counted on its lease when it was taken. */
  readonly overlapMs: number
}

/** One life of a holder (ha1) and a taker (ha2), each with its own access to the disk. */
function live(seed: number, options: { readonly holder: Roughness; readonly taker: Roughness; readonly cutAt: number | null; readonly endMs: number }): Life {
  const clock = new VirtualClock()
  const prng = new Prng(seed)
  const platter = new SharedPlatter()
  platter.bytes.set(encodeHeader(header, keys))
  let holder = unknown
  let taker = unknown
  let letGoAt: number | null = null
  let takenAt: number | null = null
  let overlapMs = 0
  const now = (): Instant => clock.monotonic()
  const start = (self: 'ha1' | 'ha2', disk: RoughDisk, take: (report: Parameters<typeof onLeaseReport>[1]) => void) => {
    const area = createLeaseArea({
      config: { path: disk.path, ...settings, position: { file: 'ha.cf', line: 1, column: 1 } }, self, nodes: ['ha1', 'ha2'],
      keys: () => keys, clock, disk, bootId: new Uint8Array(16), onNote: () => undefined
    })
    area.open({ onReport: take, onDatagram: () => undefined })
    area.show(new Uint8Array(prng.below(6000)), { generation: 1, sequence: 1, promisedMs: settings.leaseMs, isUrgent: true })
  }
  /** The holder looks at its clock whenever anything happens; once it let go it holds no more. */
  const settle = (): void => {
    const until = leaseUntil(holder, settings, null)
    if (letGoAt === null && until !== null && now() > until) letGoAt = until
    const endsAt = peerLeaseEndsAt(taker, settings)
    const isRunOut = endsAt !== null && now() >= endsAt && isReadable(taker, settings, now()) && hasSeenItEnd(taker, settings, null) && taker.sight !== null
    if (takenAt !== null || !isRunOut) return
    takenAt = now()
    if (letGoAt === null && until !== null) overlapMs = until - now()
  }
  const holderDisk = new RoughDisk(platter, clock, prng, options.holder)
  start('ha1', holderDisk, report => {
    settle() // what comes too late does not bring back what was let go
    holder = onLeaseReport(holder, report, { now: now(), settings })
  })
  start('ha2', new RoughDisk(platter, clock, prng, options.taker), report => {
    taker = onLeaseReport(taker, report, { now: now(), settings })
    const endsAt = peerLeaseEndsAt(taker, settings)
    if (endsAt !== null && endsAt > now()) clock.schedule(millis(endsAt - now()), () => undefined) // the core has a deadline there
  })
  if (options.cutAt !== null) clock.schedule(millis(options.cutAt), () => void (holderDisk.isCut = true))
  while (now() < options.endMs && takenAt === null && clock.step()) settle()
  return { letGoAt, takenAt, cutAt: options.cutAt, overlapMs }
}

const roughness = (prng: Prng): Roughness => ({
  slow: prng.chance(1, 4) ? 0 : prng.between(2, 30),
  slowMsMax: prng.between(100, 6000),
  fails: prng.chance(1, 2) ? 0 : prng.between(2, 40),
  tears: prng.chance(1, 2) ? 0 : prng.between(2, 10)
})

t.test('lease: four hundred lives on rough disks -> never taken while its holder counts on it', async t => {
  let taken = 0
  const faults: string[] = []
  for (let seed = 1; seed <= 400; seed++) {
    const prng = new Prng(seed * 7919)
    const life = live(seed, { holder: roughness(prng), taker: roughness(prng), cutAt: prng.chance(1, 3) ? prng.between(1000, 20_000) : null, endMs: 40_000 })
    if (life.takenAt !== null) taken += 1
    if (life.overlapMs > 0) faults.push(`seed ${seed}: taken at ${life.takenAt} with ${life.overlapMs} ms left`)
  }
  t.strictSame(faults, [])
  t.ok(taken > 100, `${taken} were taken: the rule is not simply "never"`)
})

t.test('lease: both disks well, the holder\'s writes cut off -> taken within the lease and 300 ms; never before', async t => {
  const well: Roughness = { slow: 0, slowMsMax: 100, fails: 0, tears: 0 }
  for (let seed = 1; seed <= 100; seed++) {
    const life = live(seed, { holder: well, taker: well, cutAt: 5000 + seed * 7, endMs: 12_000 })
    const afterCut = (life.takenAt ?? Infinity) - (life.cutAt ?? 0)
    if (afterCut > 3300 || afterCut < 2400) t.fail(`seed ${seed}: ${afterCut} ms after the cut`)
  }
  t.pass('all hundred')
})

t.test('lease: both disks well and nobody cut off -> never taken', async t => {
  const well: Roughness = { slow: 0, slowMsMax: 100, fails: 0, tears: 3 }
  for (let seed = 1; seed <= 50; seed++) {
    const life = live(seed, { holder: well, taker: well, cutAt: null, endMs: 60_000 })
    if (life.takenAt !== null || life.letGoAt !== null) t.fail(`seed ${seed}: ${JSON.stringify(life)}`)
  }
  t.pass('all fifty')
})

t.test('lease: the read that shows it run out was under way when the other was still heard -> the next one must show it', async t => {
  const read = (at: number, tookMs: number, lease: LeaseState): LeaseState =>
    onLeaseReport(lease, { kind: 'read', peer: { generation: 1, sequence: 7, promisedMs: settings.leaseMs }, pill: null, tookMs: millis(tookMs) }, { now: instant(at), settings })
  const ours = onLeaseReport(unknown, { kind: 'written', from: instant(0), tookMs: millis(1), sequence: 1 }, { now: instant(1), settings })
  const seen = read(100, 5, ours)
  const slow = read(9_000, 4_000, seen)
  t.equal(hasSeenItEnd(slow, settings, instant(4_900)), true)
  t.equal(hasSeenItEnd(slow, settings, instant(6_000)), false, 'it may have renewed it beside us')
  t.equal(hasSeenItEnd(read(9_100, 5, slow), settings, instant(6_000)), true)
})
