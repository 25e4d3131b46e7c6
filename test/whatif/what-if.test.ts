/** What-ifs against the simulator: two worlds of different make, the same core, the same question, the same owner. */

import t from 'tap'
import { instant, millis, type Instant } from '../../src/base/units.js'
import type { ClusterSettings } from '../../src/cluster/types.js'
import { noSafety, type SafetySettings } from '../../src/safety/types.js'
import { assumedSituation, presentSituation } from '../../src/whatif/begin.js'
import { parseFaults } from '../../src/whatif/faults.js'
import { whatIf, type WhatIf } from '../../src/whatif/world.js'
import type { Method } from '../sim/plan.js'
import { Scenario } from '../sim/scenario.js'

const resources = ['10.0.0.5', 'Filesystem::/dev/sdb1::/data']

function settings(safety: Partial<SafetySettings> = {}): ClusterSettings {
  const link = 2
  const disk = safety.lease === undefined || safety.lease === null ? [] : [{ name: 'disk', description: 'lease /dev/sdc', patienceMs: safety.lease.leaseMs }]
  return {
    self: { name: 'ha1', generation: 4 },
    peerName: 'ha2',
    timing: { keepaliveMs: millis(100), warntimeMs: millis(250), deadtimeMs: millis(500), initdeadMs: millis(1_000) },
    autoFailback: 'off',
    groups: [
      {
        key: '10.0.0.5',
        home: 'ha1',
        id: '00000001',
        digest: '0000000a',
        resources: resources.map(word => ({ word, command: word, isIdempotent: true })),
        limits: { startTimeoutMs: millis(5_000), stopTimeoutMs: millis(5_000), statusTimeoutMs: millis(1_000), stopRetries: 1, stopRetryDelayMs: millis(200) }
      }
    ],
    links: [{ name: 'eth0', description: 'ucast eth0 10.0.0.2' }, { name: 'eth1', description: 'bcast eth1' }, ...disk].slice(0, link + disk.length),
    safety: { ...noSafety, ...safety },
    agreement: null,
    rememberedPeerGeneration: null,
    rememberedPeerSequence: 0,
    heldEpochs: new Map(),
    moveTimeoutMs: millis(20_000)
  }
}

const methods: Readonly<Record<string, Partial<SafetySettings>>> = {
  none: {},
  fencing: { fencing: { delayMs: millis(1_000), timeoutMs: millis(60_000), retryMs: millis(10_000) } },
  lease: { lease: { leaseMs: millis(3_000), intervalMs: millis(375), link: 2 } },
  arbiter: { arbiter: { ttlMs: millis(5_000) } },
  quorum: { quorum: { deadpingMs: millis(500), of: 1 } }
}

function ask(text: string, configured: ClusterSettings, now?: Instant): WhatIf {
  const parsed = parseFaults(text, { nodes: ['ha1', 'ha2'], links: ['eth0', 'eth1'], groups: configured.groups.map(group => group.key) })
  if (!parsed.ok) throw new Error(parsed.message)
  return whatIf({ situation: assumedSituation(configured, now), faults: parsed.faults, durations: { '0/0/start': 40, '0/1/start': 400 }, forMs: 120_000 })
}

/** Question, method, owner at the end, outage from and to in ms, and whether it may have been on both nodes. */
const table: readonly (readonly [string, keyof typeof methods, string | null, number, number, boolean])[] = [
  ['ha1 dies', 'none', 'ha2', 900, 1_000, false],
  ['ha2 dies', 'none', 'ha1', 0, 0, false],
  ['link eth0 cut', 'none', 'ha1', 0, 0, false],
  ['all links cut', 'none', 'ha1 and ha2', 0, 0, true],
  ['all links cut, all links healed after 5s', 'none', 'ha2', 0, 0, true],
  ['ha1 hangs 300ms', 'none', 'ha1', 0, 0, false],
  ['ha1 hangs 2s', 'none', 'ha2', 400, 600, false],
  ['ha1 stops', 'none', 'ha2', 500, 900, false],
  ['ha1 standby', 'none', 'ha2', 500, 900, false],
  ['ha1 daemon dies', 'none', 'ha1 and ha2', 0, 0, true],
  ['ha1 loses carrier', 'none', 'ha2', 500, 900, false],
  ['start of 10.0.0.5 fails on ha2, ha1 standby', 'none', 'ha1', 600, 3_000, false],
  ['stop of 10.0.0.5 fails on ha1, ha1 standby', 'none', 'ha1', 0, 0, false],
  ['ha1 dies', 'fencing', 'ha2', 3_900, 4_200, false],
  ['all links cut', 'fencing', 'ha1', 0, 0, false],
  ['fencing fails, ha1 dies', 'fencing', null, 10_000, 120_000, false],
  ['ha1 dies', 'lease', 'ha2', 3_000, 3_700, false],
  ['all links cut', 'lease', 'ha1', 0, 0, false],
  ['disk lost', 'lease', 'ha1', 0, 0, false],
  ['disk slow 2s', 'lease', 'ha1', 0, 0, false],
  ['ha1 loses disk', 'lease', 'ha2', 500, 900, false],
  ['disk lost, all links cut after 5s', 'lease', null, 5_000, 120_000, false],
  ['ha1 dies', 'arbiter', 'ha2', 5_000, 7_500, false],
  ['all links cut', 'arbiter', 'ha1', 0, 0, false],
  ['arbiter gone', 'arbiter', 'ha1', 0, 0, false],
  ['all links cut, ha1 loses arbiter', 'arbiter', 'ha2', 1_500, 7_500, false],
  ['ha1 loses ping', 'quorum', 'ha2', 500, 900, false],
  ['all links cut, ha1 loses ping', 'quorum', 'ha2', 500, 1_700, false]
]

for (const [question, method, owner, leastMs, mostMs, isDouble] of table) {
  t.test(`${String(method)}: ${question} -> ${owner ?? 'nobody'}`, t => {
    const result = ask(question, settings(methods[method]))
    const [group] = result.groups
    t.equal(group?.after, owner, result.timeline.map(entry => `${entry.ms} ${entry.node ?? ''} ${entry.what}`).join('\n'))
    t.ok((group?.outageMs ?? -1) >= leastMs && (group?.outageMs ?? -1) <= mostMs, `without service for ${group?.outageMs ?? '?'} ms`)
    t.equal((group?.doubleMs ?? 0) > 0, isDouble, `on both nodes for ${group?.doubleMs ?? '?'} ms`)
    t.equal(group?.before, 'ha1')
    t.end()
  })
}

t.test('a method that is not configured -> said, and nothing happens', t => {
  const result = ask('disk lost, arbiter gone, ping gone, fencing fails', settings())
  t.match(result.assumptions.join('\n'), /no lease area is configured: 'disk lost' changes nothing\n.*no arbiter.*\n.*no ping node.*\n.*no fencing device/)
  t.equal(result.groups[0]?.outageMs, 0)
  t.end()
})

t.test('asked at any fraction of a millisecond -> the same answer, and time goes on although sums of fractions are rounded', t => {
  for (let k = 0; k < 200; k += 1) {
    const [group] = ask('ha1 dies', settings(), instant(1_718 + k * 0.924_859)).groups
    t.match([group?.after, Math.abs((group?.outageMs ?? 0) - 945) < 10], ['ha2', true], `${k}: ${group?.outageMs ?? '?'} ms`)
  }
  t.end()
})

t.test('the same question twice -> the same answer', t => {
  t.strictSame(ask('ha1 hangs 2s, link eth1 cut after 1s', settings(methods['lease'])), ask('ha1 hangs 2s, link eth1 cut after 1s', settings(methods['lease'])))
  t.end()
})

/** Each from the present state of a simulated cluster that has run for a while; then both worlds go on. */
const stories: readonly (readonly [string, (s: Scenario) => void])[] = [
  ['alpha dies', s => s.node('alpha').powerOff()],
  ['beta dies', s => s.node('beta').powerOff()],
  ['all links cut', s => s.cut()],
  ['all links cut from alpha', s => s.cut('alpha')],
  ['link eth0 cut', s => s.world.network.cut([0], 1, 'both')],
  ['alpha stops', s => s.node('alpha').stop()],
  ['alpha standby', s => s.node('alpha').ask({ kind: 'standby', scope: { kind: 'all' } })]
]
const simulated: readonly (readonly Method[])[] = [[], ['fencing'], ['lease'], ['arbiter'], ['quorum'], ['fencing', 'lease']]

for (const [question, act] of stories) {
  for (const configured of simulated) {
    t.test(`as in the simulator: ${question}, with ${configured.length === 0 ? 'nothing' : configured.join(' and ')}`, t => {
      const s = Scenario.running({ methods: configured })
      s.passes(8_000)
      const { settings: own } = s.node('alpha')
      const state = s.state('alpha')
      const situation = presentSituation(own, state, state.at)
      const parsed = parseFaults(question, { nodes: ['alpha', 'beta'], links: ['eth0', 'eth1'], groups: ['group0'] })
      if (!parsed.ok) throw new Error(parsed.message)
      const result = whatIf({ situation, faults: parsed.faults, durations: {}, forMs: 60_000 })
      act(s)
      s.passes(20_000)
      const holder = s.holderOf()
      t.equal(result.groups[0]?.after, holder === 'both' ? 'alpha and beta' : holder === 'nobody' ? null : holder, result.timeline.map(entry => `${entry.ms} ${entry.node ?? ''} ${entry.what}`).join('\n'))
      t.end()
    })
  }
}

t.test('the peer is dead, has left, or was never heard -> begins without it, and says so', t => {
  const s = Scenario.running()
  s.node('beta').powerOff()
  s.passes(2_000)
  const situation = presentSituation(s.node('alpha').settings, s.state('alpha'), s.state('alpha').at)
  t.match(situation.assumptions.join(), /beta is off: it counts as dead here/)
  const result = whatIf({ situation, faults: [{ afterMs: 500, text: 'beta starts', act: { kind: 'starts', node: 1 } }], durations: {}, forMs: 20_000 })
  t.equal(result.groups[0]?.after, 'alpha')
  t.match(result.timeline.map(entry => entry.what).join('\n'), /its daemon starts/)
  t.ok(instant(0) <= situation.now)
  t.end()
})
