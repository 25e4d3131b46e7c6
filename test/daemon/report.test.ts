import t from 'tap'
import { instant, millis } from '../../src/base/units.js'
import { initialState } from '../../src/cluster/step.js'
import type { ClusterSettings, ClusterState, GroupSettings, GroupState } from '../../src/cluster/types.js'
import type { StatusReport } from '../../src/control/protocol.js'
import { statusReport } from '../../src/daemon/report.js'
import type { PeerState } from '../../src/membership/peer.js'
import type { GroupRun } from '../../src/resource/group-machine.js'
import { noSafety } from '../../src/safety/types.js'
import { wellHealth, type GroupStateName, type NodeView } from '../../src/wire/ownership.js'

const limits = { startTimeoutMs: millis(1_000), stopTimeoutMs: millis(1_000), statusTimeoutMs: millis(1_000), stopRetries: 1, stopRetryDelayMs: millis(100) }
const setupOf = (key: string, home: string, id: string): GroupSettings => ({
  key, home, id, digest: `${id.slice(0, 7)}f`, limits, resources: [{ word: key, command: `/r/${key}`, isIdempotent: true }]
})
const web = setupOf('web', 'ha1', '00000001') // at home on this node
const mail = setupOf('mail', 'ha2', '00000002') // at home on the peer

/** ha1 with two links; the groups are the case's own. */
const settingsOf = (...groups: readonly GroupSettings[]): ClusterSettings => ({
  self: { name: 'ha1', generation: 40 },
  peerName: 'ha2',
  timing: { keepaliveMs: millis(100), warntimeMs: millis(300), deadtimeMs: millis(500), initdeadMs: millis(2_000) },
  autoFailback: 'off',
  groups,
  links: [{ name: 'eth0', description: 'ucast eth0 10.0.0.2' }, { name: 'eth1', description: 'bcast eth1' }],
  rememberedPeerGeneration: null,
  rememberedPeerSequence: 0,
  heldEpochs: new Map(),
  safety: noSafety,
    agreement: null,
    moveTimeoutMs: millis(10_000)
})
const both = settingsOf(web, mail)

const stopped: GroupRun = { kind: 'stopped' }
const runs: GroupRun = { kind: 'running' }
const starting: GroupRun = { kind: 'starting', index: 0, operation: 'start' }
const stopping: GroupRun = { kind: 'stopping', index: 0, tries: 0, doing: 'stop', retryAt: null, then: 'stopped', reached: 0, reason: 'an operator asked' }
const failed: GroupRun = { kind: 'failed', reason: '/r/web start failed: Return code 1', retryAt: instant(9_000) }
const blocked: GroupRun = { kind: 'blocked', reason: '/r/web stop did not succeed' }

interface Case {
  readonly settings?: ClusterSettings
  readonly runs?: readonly GroupRun[]
  readonly state?: Partial<ClusterState>
  readonly peer?: Partial<PeerState>
  readonly group?: Partial<GroupState>
  /** Groups that the core remembers as blocked on the peer. */
  readonly blockedThere?: readonly boolean[]
  readonly logLinesLost?: number
}

/** What the peer shows of the groups, in the order of the settings; undefined: not listed. */
const viewOf = (settings: ClusterSettings, ...states: readonly (GroupStateName | undefined)[]): NodeView => ({
  phase: 'active',
  acknowledged: { generation: 40, sequence: 1 },
  hearsPeer: true,
  health: wellHealth,
  agreement: null,
  groups: settings.groups.flatMap(({ id, digest }, index) => {
    const state = states[index]
    return state === undefined ? [] : [{ id, digest, state, epoch: 1, avoid: false, wanted: false, canServe: true }]
  })
})
const aliveAt = (now: number, view: NodeView | null): Partial<PeerState> => ({
  standing: { kind: 'alive', since: instant(now) }, heardAt: instant(now), generation: 7, statusText: 'active', implementation: view === null ? 'linux-ha' : 'own', view
})
const deadPeer = (view: NodeView | null): Partial<PeerState> => ({ ...aliveAt(4_000, view), standing: { kind: 'dead', since: instant(4_500), reason: 'silent for 500 ms, deadtime 500 ms' } })

function reportOf(one: Case = {}): StatusReport {
  const { settings = both } = one
  const fresh = initialState(settings, instant(1_000))
  const state: ClusterState = {
    ...fresh,
    phase: 'active',
    links: fresh.links.map(link => ({ ...link, isUp: true, heardAt: instant(4_900) })),
    groups: fresh.groups.map((group, index) => ({
      ...group, reason: 'no node can run it now', isBlockedThere: one.blockedThere?.[index] ?? false, ...one.group, machine: { ...group.machine, run: one.runs?.[index] ?? stopped }
    })),
    ...one.state,
    peer: { ...fresh.peer, ...aliveAt(4_900, viewOf(settings, ...settings.groups.map(() => 'stopped' as const))), ...one.peer }
  }
  return statusReport(state, { settings, now: instant(5_000.4), version: '0.1.0', pid: 99, logLinesLost: one.logLinesLost ?? 0, safeguards: { fencing: null, lease: null, arbiter: null, quorum: null }, troubles: [] })
}
const holdingOf = (one: Case): StatusReport['holding'] => reportOf(one).holding
const warningsOf = (one: Case): readonly string[] => reportOf(one).warnings.filter(text => !text.startsWith('no fencing'))

const linksOf = (...changes: readonly { readonly isUp: boolean; readonly trouble?: string }[]): ClusterState['links'] =>
  initialState(both, instant(0)).links.map((link, index) => ({ ...link, heardAt: instant(4_000), isUp: changes[index]?.isUp ?? true, trouble: changes[index]?.trouble ?? null }))

t.test('report: facts of this life -> carried over, durations in whole milliseconds', async t => {
  const report = reportOf({ state: { accepted: 12, refusals: new Map([['replay', { count: 3, unreported: 0, reportedAt: instant(0) }]]), stalls: { count: 2, longestMs: 80.6, totalMs: 120.2, last: { at: instant(4_000), ms: 39.6, cause: 'it waited for a processor' } } } })
  t.match(report, { version: '0.1.0', pid: 99, node: 'ha1', phase: 'active', uptimeMs: 4_000, generation: 40, autoFailback: 'off' })
  t.strictSame(report.datagrams, { accepted: 12, replay: 3 })
  t.strictSame(report.stalls, { count: 2, longestMs: 81, totalMs: 120, lastMs: 40, lastAgoMs: 1_000, cause: 'it waited for a processor' })
  t.strictSame(report.timing, both.timing)
})

t.test('report: written as JSON and read again -> the same, since commands see only that', async t => {
  const report = reportOf({ runs: [runs, stopped] })
  t.strictSame(JSON.parse(JSON.stringify(report)), report)
})

t.test('holding: what runs here -> Linux-HA\'s word', async t => {
  t.equal(holdingOf({ runs: [stopped, stopped] }), 'none')
  t.equal(holdingOf({ runs: [runs, stopped] }), 'local')
  t.equal(holdingOf({ runs: [stopped, runs] }), 'foreign')
  t.equal(holdingOf({ runs: [runs, runs] }), 'all')
})

t.test('holding: a blocked group may run here -> held; a failed one -> not', async t => {
  t.equal(holdingOf({ runs: [blocked, stopped] }), 'local')
  t.equal(holdingOf({ runs: [failed, stopped] }), 'none')
})

t.test('holding: anything moves, or nothing was settled yet -> transition', async t => {
  for (const run of [starting, stopping, { kind: 'probing', index: 0, seen: [], isVoid: false } as const]) t.equal(holdingOf({ runs: [runs, run] }), 'transition', run.kind)
  t.equal(holdingOf({ runs: [runs, stopped], group: { claim: { sequence: null } } }), 'transition', 'claimed')
  for (const phase of ['probing', 'joining'] as const) t.equal(holdingOf({ runs: [stopped, stopped], state: { phase } }), 'transition', phase)
  t.equal(holdingOf({ runs: [stopped, stopped], state: { phase: 'leaving' } }), 'none')
})

t.test('holding: groups of one kind only -> "all" only for who is alone', async t => {
  for (const [settings, word] of [[settingsOf(web), 'local'], [settingsOf(mail), 'foreign']] as const) {
    t.equal(holdingOf({ settings, runs: [runs] }), word)
    t.equal(holdingOf({ settings, runs: [runs], peer: deadPeer(null) }), 'all')
    t.equal(holdingOf({ settings, runs: [runs], peer: { standing: { kind: 'left', since: instant(0) } } }), 'all')
  }
  t.equal(holdingOf({ settings: settingsOf(), peer: deadPeer(null) }), 'none', 'no groups at all')
})

t.test('group: runs here -> this node owns it; runs there -> the peer does, and the reason says so', async t => {
  const [here, there] = reportOf({ runs: [runs, stopped], peer: { view: viewOf(both, 'stopped', 'running') } }).groups
  t.match(here, { key: 'web', home: 'ha1', resources: ['web'], here: 'running', there: 'stopped', owner: 'ha1' })
  t.match(there, { here: 'stopped', there: 'running', owner: 'ha2', reason: 'it runs on ha2' })
})

t.test('group: its own trouble -> is the reason', async t => {
  t.equal(reportOf({ runs: [failed] }).groups[0]?.reason, '/r/web start failed: Return code 1')
  t.equal(reportOf({ runs: [blocked] }).groups[0]?.reason, '/r/web stop did not succeed')
  t.equal(reportOf({ runs: [stopping] }).groups[0]?.reason, 'an operator asked')
  t.equal(reportOf({ runs: [stopped] }).groups[0]?.reason, 'no node can run it now')
})

t.test('dead peer: what it last showed as running -> nobody\'s; what it showed as blocked -> still shown and warned of', async t => {
  const one = { peer: deadPeer(viewOf(both, 'running', 'blocked')), blockedThere: [false, true] }
  t.match(reportOf(one).groups, [{ there: null, owner: null }, { there: 'blocked', owner: null }])
  t.match(warningsOf(one).filter(text => text.startsWith('mail is BLOCKED')), [/ on ha2: .* switch ha2 off and say here: heartbeat confirm-off ha2 --yes$/])
  t.notOk(warningsOf(one).some(text => text.startsWith('web is BLOCKED')))
})

t.test('dead peer: its state and why -> shown; its links are no warning of their own', async t => {
  const one: Case = { peer: deadPeer(viewOf(both, 'running', 'stopped')), state: { links: linksOf({ isUp: false }, { isUp: false }) } }
  t.match(reportOf(one).nodes[1], { name: 'ha2', isSelf: false, state: 'dead', reason: 'silent for 500 ms, deadtime 500 ms', generation: 7 })
  t.notOk(warningsOf(one).some(text => text.startsWith('link ')))
})

t.test('peer: every standing -> Linux-HA\'s word and a sentence', async t => {
  const shown = (peer: Partial<PeerState>): readonly unknown[] => {
    const node = reportOf({ peer }).nodes[1]
    return [node?.state, node?.reason]
  }
  t.strictSame(shown({ standing: { kind: 'unheard' }, heardAt: null }), ['init', 'not heard yet'])
  t.strictSame(shown({ standing: { kind: 'left', since: instant(0) } }), ['dead', 'it was stopped and released everything'])
  const left = reportOf({ peer: { ...deadPeer(viewOf(both, 'stopped', 'blocked')), standing: { kind: 'left', since: instant(0) } }, blockedThere: [false, true] })
  t.equal(left.nodes[1]?.reason, 'it was stopped, but could not stop mail')
  for (const [statusText, word] of [['active', 'active'], ['up', 'up'], ['init', 'init'], ['dead', 'dead'], ['odd', 'up']] as const) {
    t.strictSame(shown({ statusText }), [word, 'heard 100 ms ago'], statusText)
  }
})

t.test('self: every phase -> Linux-HA\'s word', async t => {
  const words = (['probing', 'joining', 'active', 'leaving', 'left'] as const).map(phase => reportOf({ state: { phase } }).nodes[0]?.state)
  t.strictSame(words, ['up', 'up', 'active', 'active', 'dead'])
})

t.test('links: of this node tell whether the media work, of the peer whether it is heard', async t => {
  const [self, peer] = reportOf({ state: { links: linksOf({ isUp: false }, { isUp: true, trouble: 'eth1 has no address' }) } }).nodes
  t.match(self?.links, [{ name: 'eth0', state: 'up', medium: 'working', silenceMs: null }, { name: 'eth1', state: 'dead', medium: 'eth1 has no address' }])
  t.match(peer?.links, [{ state: 'dead', medium: 'working', silenceMs: 1_000 }, { state: 'up', medium: 'eth1 has no address' }])
})

t.test('warnings: all is well -> only what is always true without fencing', async t => {
  t.strictSame(reportOf({ runs: [runs, runs] }).warnings, ['no fencing, lease or arbiter is configured: a silent node is taken for dead without proof, and shared disks are not protected'])
})

t.test('warnings: a group runs nowhere -> said when this node is settled, not before', async t => {
  t.ok(warningsOf({ runs: [stopped, runs] }).includes('web runs nowhere: no node can run it now'))
  t.strictSame(warningsOf({ runs: [stopped, runs], state: { phase: 'joining' } }), [])
})

t.test('warnings: blocked or failed here -> the reason and what to do', async t => {
  t.strictSame(warningsOf({ runs: [blocked, runs] }), ['web is BLOCKED on ha1: /r/web stop did not succeed. Stop it by hand, then: heartbeat cleanup web'])
  t.strictSame(warningsOf({ runs: [failed, runs] }), ['web FAILED on ha1: /r/web start failed: Return code 1. After mending: heartbeat cleanup web'])
})

t.test('warnings: a link does not carry a living peer -> said, with how many are left', async t => {
  t.strictSame(warningsOf({ runs: [runs, runs], state: { links: linksOf({ isUp: false }, { isUp: true }) } }), [
    'link ucast eth0 10.0.0.2 does not carry ha2: the cluster hangs on 1 link(s)'
  ])
})

t.test('warnings: one link only -> said even while it works', async t => {
  t.strictSame(warningsOf({ runs: [runs, runs], state: { links: linksOf({ isUp: true }).slice(0, 1) } }), [
    'there is one heartbeat link only: when it is cut, the nodes cannot hear each other'
  ])
})

t.test('warnings: haresources differ -> said', async t => {
  const view = viewOf(both, 'stopped')
  const found = warningsOf({ runs: [runs, runs], peer: { view } })
  t.match(found, [/^resource group mail is missing in haresources on ha2/])
})

t.test('warnings: a Linux-HA peer -> said while it lives', async t => {
  const says = (peer: Partial<PeerState>): boolean => warningsOf({ runs: [stopped, stopped], peer }).some(text => text.startsWith('ha2 runs Linux-HA Heartbeat'))
  t.ok(says(aliveAt(4_900, null)))
  t.notOk(says(deadPeer(null)))
})

t.test('warnings: refusals an administrator can act upon -> said with their count; ordinary ones -> not', async t => {
  const refused = (reason: string): readonly string[] => warningsOf({ runs: [runs, runs], state: { refusals: new Map([[reason, { count: 5, unreported: 0, reportedAt: instant(0) }]]) } })
  for (const reason of ['bad-digest', 'unknown-key', 'unknown-node', 'own-name-from-elsewhere']) t.match(refused(reason), [/^5 datagrams were refused since the start: /], reason)
  for (const reason of ['replay', 'too-short']) t.strictSame(refused(reason), [], reason)
})

t.test('warnings: log lines were lost -> said', async t => {
  t.strictSame(warningsOf({ runs: [runs, runs], logLinesLost: 1 }), ['1 log lines were lost: is the disk under the log full or slow?'])
})
