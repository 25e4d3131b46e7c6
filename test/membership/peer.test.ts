import t from 'tap'
import { instant, millis } from '../../src/base/units.js'
import { deathAt, forgive, hear, isDeaf, isTwoWay, judge, unheardPeer, type PeerMessage, type PeerState, type PeerStep, type Timing } from '../../src/membership/peer.js'
import { wellHealth, type Acknowledgement, type NodePhase, type NodeView } from '../../src/wire/ownership.js'

const timing: Timing = { keepaliveMs: millis(100), warntimeMs: millis(300), deadtimeMs: millis(500), initdeadMs: millis(2_000) }
const ownGeneration = 40
const unheard = unheardPeer('ha2', null)

const viewOf = (change: { readonly phase?: NodePhase; readonly acknowledged?: Acknowledgement | null } = {}): NodeView => ({
  phase: 'active',
  acknowledged: { generation: ownGeneration, sequence: 1 },
  hearsPeer: true,
  groups: [],
  health: wellHealth,
  agreement: null,
  ...change
})

/** A status of our own daemon, unless the change says otherwise. */
function status(sequence: number, change: { readonly generation?: number; readonly uuid?: string; readonly text?: string; readonly deadtimeMs?: number; readonly view?: NodeView | null } = {}): PeerMessage {
  const { generation = 7, uuid = null, text = 'active', deadtimeMs = null, view = viewOf() } = change
  return { generation, sequence, uuid, status: { text, deadtimeMs, view } }
}
const other = (sequence: number, generation = 7): PeerMessage => ({ generation, sequence, uuid: null, status: null })

const hearAt = (now: number, peer: PeerState, message: PeerMessage): PeerStep => hear(peer, message, { now: instant(now), timing, ownGeneration })
const judgeAt = (now: number, peer: PeerState): ReturnType<typeof judge> => judge(peer, timing, { startedAt: instant(0), now: instant(now) })
const alive = hearAt(1_000, unheard, status(10)).peer
const dead = judgeAt(1_500, alive).peer
const texts = (step: { readonly notes: readonly { readonly text: string }[] }): readonly string[] => step.notes.map(note => note.text)

t.test('peer: first status heard -> alive', async t => {
  const step = hearAt(1_000, unheard, status(10))
  t.equal(step.hearing, 'newest')
  t.strictSame(step.peer.standing, { kind: 'alive', since: 1_000 })
  t.match(step.peer, { generation: 7, heardAt: 1_000, statusText: 'active', implementation: 'own' })
  t.strictSame(texts(step), ['Status update for node ha2: status active'])
})

t.test('peer: silent for deadtime -> declared dead once, and only once', async t => {
  t.equal(deathAt(alive, timing, instant(0)), 1_500)
  t.strictSame(judgeAt(1_499, alive), { peer: alive, notes: [] })
  const judged = judgeAt(1_500, alive)
  const reason = 'silent for 500 ms, deadtime 500 ms'
  t.strictSame(judged.peer.standing, { kind: 'dead', since: 1_500, reason })
  t.strictSame(judged.notes, [{ level: 'warn', text: `node ha2: is dead (${reason})` }])
  t.strictSame(judgeAt(9_000, judged.peer), { peer: judged.peer, notes: [] })
  t.equal(deathAt(judged.peer, timing, instant(0)), null)
})

t.test('peer: dead -> what it last showed is kept, since it may still hold it', async t => {
  t.equal(dead.view, alive.view)
})

t.test('peer: heard in time, again and again -> never dead', async t => {
  let peer = alive
  for (let now = 1_499, sequence = 11; now < 20_000; now += 499, sequence++) {
    peer = judgeAt(now, hearAt(now, peer, status(sequence)).peer).peer
    t.equal(peer.standing.kind, 'alive', `at ${now}`)
  }
})

t.test('peer: replays of its status -> do not keep it alive', async t => {
  const again = hearAt(1_400, alive, status(10))
  t.strictSame(again, { peer: alive, hearing: 'duplicate', notes: [] })
  t.equal(judgeAt(1_500, again.peer).peer.standing.kind, 'dead')
  t.equal(hearAt(1_600, dead, status(10)).peer, dead, 'nor call it back to life')
})

t.test('peer: a replay of what fell out of the window -> refused', async t => {
  const peer = hearAt(1_100, alive, status(200)).peer
  t.strictSame(hearAt(1_200, peer, status(136)), { peer, hearing: 'replay', notes: [] })
  t.equal(hearAt(1_200, peer, status(137)).hearing, 'late')
})

t.test('peer: a status that a newer one overtook -> counts as heard once, but neither its time nor its words', async t => {
  const step = hearAt(1_400, alive, status(9, { text: 'up', view: viewOf({ phase: 'joining' }) }))
  t.equal(step.hearing, 'late')
  t.match(step.peer, { heardAt: 1_000, statusText: 'active', view: { phase: 'active' } })
  t.equal(hearAt(1_410, step.peer, status(9)).hearing, 'duplicate')
})

t.test('peer: messages other than status -> do not keep it alive', async t => {
  const step = hearAt(1_400, alive, other(11))
  t.equal(step.hearing, 'newest')
  t.equal(step.peer.heardAt, 1_000)
  t.equal(judgeAt(1_500, step.peer).peer.standing.kind, 'dead')
})

t.test('peer: an older generation -> refused, whatever its sequence', async t => {
  for (const peer of [alive, dead, unheardPeer('ha2', 7)]) {
    t.strictSame(hearAt(1_600, peer, status(5_000, { generation: 6 })), { peer, hearing: 'old-generation', notes: [] })
  }
})

t.test('peer: the generation remembered from our earlier life -> refuses older ones, and welcomes this and newer ones', async t => {
  const remembered = unheardPeer('ha2', 7)
  t.equal(hearAt(100, remembered, status(1, { generation: 6 })).hearing, 'old-generation')
  t.equal(hearAt(100, remembered, status(1, { generation: 7 })).peer.standing.kind, 'alive')
  const newer = hearAt(100, remembered, status(1, { generation: 8 }))
  t.equal(newer.peer.generation, 8)
  t.notOk(texts(newer).some(text => text.includes('restart')), 'a peer not heard in this life of ours has not restarted before our eyes')
})

t.test('peer: the sequence remembered from our earlier life -> recordings up to it keep nobody alive, what follows does', async t => {
  const remembered = unheardPeer('ha2', 7, 500)
  for (const sequence of [1, 436, 437, 499, 500]) {
    t.not(hearAt(100, remembered, status(sequence)).peer.standing.kind, 'alive', `sequence ${sequence}`)
  }
  t.equal(hearAt(100, remembered, status(501)).peer.standing.kind, 'alive')
  t.equal(hearAt(100, remembered, status(1, { generation: 8 })).peer.standing.kind, 'alive', 'a new life counts from 1')
})

t.test('peer: a larger generation while alive -> a restart, warned of; nothing of the old life stays', async t => {
  const step = hearAt(1_200, alive, status(1, { generation: 8, text: 'up', view: viewOf({ phase: 'probing', acknowledged: null }) }))
  t.equal(step.hearing, 'newest')
  t.strictSame(step.notes, [
    { level: 'warn', text: 'Heartbeat restart on node ha2' },
    { level: 'info', text: 'Status update for node ha2: status up' }
  ])
  t.match(step.peer, { generation: 8, standing: { kind: 'alive', since: 1_200 }, window: { newest: 1 }, view: { phase: 'probing' } })
  t.notOk(isTwoWay(step.peer, ownGeneration), 'the new life has not heard us yet')
  t.equal(hearAt(1_300, step.peer, status(11, { generation: 7 })).hearing, 'old-generation')
})

t.test('peer: a larger generation after its death or farewell -> a restart, and no word of a partition', async t => {
  const left = hearAt(1_100, alive, status(11, { view: viewOf({ phase: 'left' }) })).peer
  for (const peer of [dead, left]) {
    const step = hearAt(3_000, peer, status(1, { generation: 8, text: 'up' }))
    t.strictSame(step.notes, [
      { level: 'info', text: 'Heartbeat restart on node ha2' },
      { level: 'info', text: 'Status update for node ha2: status up' }
    ])
    t.strictSame(step.peer.standing, { kind: 'alive', since: 3_000 })
  }
})

t.test('peer: a new life whose first status was lost -> gets a whole deadtime to show itself, then is dead', async t => {
  const step = hearAt(5_000, hearAt(4_900, alive, status(11)).peer, other(2, 8))
  t.strictSame(step.peer.standing, { kind: 'unheard' })
  t.equal(judgeAt(5_000, step.peer).peer.standing.kind, 'unheard', 'it has just been heard')
  t.equal(judgeAt(5_499, step.peer).peer.standing.kind, 'unheard')
  t.match(judgeAt(5_500, step.peer).peer.standing, { kind: 'dead', reason: 'silent for 500 ms, deadtime 500 ms' })
  const spoken = hearAt(5_200, step.peer, status(3, { generation: 8, text: 'up' }))
  t.strictSame(spoken.peer.standing, { kind: 'alive', since: 5_200 })
})

t.test('peer: heard again in the same life after its death -> returning after partition, with the time it was away', async t => {
  const step = hearAt(4_000, dead, status(11))
  t.strictSame(step.notes[0], { level: 'crit', text: 'Cluster node ha2 returning after partition. It was counted as dead for 2500 ms' })
  t.strictSame(step.peer.standing, { kind: 'alive', since: 4_000 })
})

t.test('peer: never heard -> dead after initdead and not before, and its first word then is no partition', async t => {
  t.equal(deathAt(unheard, timing, instant(0)), 2_000)
  t.strictSame(judgeAt(1_999, unheard), { peer: unheard, notes: [] })
  const judged = judgeAt(2_000, unheard).peer
  t.strictSame(judged.standing, { kind: 'dead', since: 2_000, reason: 'not heard since our start, initdead 2000 ms has passed' })
  const step = hearAt(60_000, judged, status(1))
  t.equal(step.peer.standing.kind, 'alive')
  t.strictSame(texts(step), ['Status update for node ha2: status active'])
})

t.test('peer: late heartbeat -> warned of above warntime, both sides of the bound', async t => {
  t.strictSame(hearAt(1_300, alive, status(11)).notes, [])
  t.strictSame(hearAt(1_301, alive, status(11)).notes, [{ level: 'warn', text: 'Late heartbeat: Node ha2: interval 301 ms' }])
  t.notOk(texts(hearAt(9_000, dead, status(11))).some(text => text.startsWith('Late')), 'a dead peer is not late')
})

t.test('peer: its status word changes -> said once', async t => {
  const step = hearAt(1_100, alive, status(11, { text: 'up' }))
  t.strictSame(texts(step), ['Status update for node ha2: status up'])
  t.strictSame(hearAt(1_200, step.peer, status(12, { text: 'up' })).notes, [])
})

t.test('peer: left in order -> left at once, and silence afterwards is no death', async t => {
  const { peer } = hearAt(1_100, alive, status(11, { text: 'dead', view: viewOf({ phase: 'left' }) }))
  t.strictSame(peer.standing, { kind: 'left', since: 1_100 })
  t.equal(deathAt(peer, timing, instant(0)), null)
  t.strictSame(judgeAt(90_000, peer), { peer, notes: [] })
})

t.test('peer: a farewell that does not know our present life -> not counted, said once, and a later one that knows us counts', async t => {
  const view = viewOf({ phase: 'left', acknowledged: { generation: ownGeneration - 1, sequence: 900 } })
  const farewell = (sequence: number): PeerMessage => status(sequence, { text: 'dead', view })
  const first = hearAt(1_100, unheard, farewell(11))
  t.equal(first.peer.standing.kind, 'unheard')
  t.equal(deathAt(first.peer, timing, instant(0)), 2_000, 'as if it had not been heard')
  t.match(texts(first), [/^A shutdown notice of ha2 that does not know this life of ours is not counted/])
  const second = hearAt(1_200, first.peer, farewell(12))
  t.strictSame(texts(second), [])
  t.equal(hearAt(1_300, second.peer, status(13, { text: 'dead', view: viewOf({ phase: 'left' }) })).peer.standing.kind, 'left')
  t.notOk(texts(hearAt(4_000, dead, farewell(11))).some(text => text.includes('returning')), 'a dead node is no nearer for it')
  const stillAlive = hearAt(1_450, alive, farewell(11)).peer
  t.equal(judgeAt(1_500, stillAlive).peer.standing.kind, 'dead', 'and it keeps nobody alive')
})

t.test('peer: leaving -> still alive, since it still holds its groups', async t => {
  t.equal(hearAt(1_100, alive, status(11, { view: viewOf({ phase: 'leaving' }) })).peer.standing.kind, 'alive')
})

t.test('forgive: our own stall -> is not counted as the silence of the peer, and never lies in the future', async t => {
  const forgiven = forgive(alive, millis(300), instant(1_450))
  t.equal(forgiven.heardAt, 1_300)
  t.equal(forgiven.acknowledgedAt, 1_300)
  t.equal(judgeAt(1_799, forgiven).peer.standing.kind, 'alive')
  t.equal(judgeAt(1_800, forgiven).peer.standing.kind, 'dead')
  t.equal(forgive(alive, millis(9_000), instant(1_450)).heardAt, 1_450)
  t.strictSame(forgive(unheard, millis(300), instant(1_450)), unheard)
})

t.test('deaf: alive but acknowledging nothing new for deadtime -> deaf, both sides of the bound', async t => {
  const later = hearAt(1_450, alive, status(11)).peer
  t.equal(later.acknowledgedAt, 1_000, 'the same acknowledgement again is no news')
  t.equal(isDeaf(later, timing, instant(1_499)), false)
  t.equal(isDeaf(later, timing, instant(1_500)), true)
  const heardUs = hearAt(1_450, alive, status(11, { view: viewOf({ acknowledged: { generation: ownGeneration, sequence: 2 } }) })).peer
  t.equal(isDeaf(heardUs, timing, instant(1_500)), false)
})

t.test('deaf: it acknowledges an earlier life of ours -> no news either', async t => {
  const view = viewOf({ acknowledged: { generation: ownGeneration - 1, sequence: 900 } })
  const peer = hearAt(1_450, alive, status(11, { view })).peer
  t.equal(isDeaf(peer, timing, instant(1_500)), true)
})

t.test('deaf: dead, left or unheard -> not called deaf', async t => {
  for (const peer of [dead, unheard, hearAt(1_100, alive, status(11, { view: viewOf({ phase: 'left' }) })).peer]) {
    t.equal(isDeaf(peer, timing, instant(90_000)), false, peer.standing.kind)
  }
})

t.test('deaf: back from the dead -> gets a whole deadtime to hear us', async t => {
  const back = hearAt(4_000, dead, status(11)).peer
  t.equal(isDeaf(back, timing, instant(4_499)), false)
  t.equal(isDeaf(back, timing, instant(4_500)), true)
})

t.test('two-way: it acknowledges this life of ours -> yes; an earlier one, nothing, or no vector -> no', async t => {
  t.equal(isTwoWay(alive, ownGeneration), true)
  t.equal(isTwoWay(alive, ownGeneration + 1), false)
  t.equal(isTwoWay(hearAt(1_000, unheard, status(1, { view: viewOf({ acknowledged: null }) })).peer, ownGeneration), false)
  t.equal(isTwoWay(hearAt(1_000, unheard, status(1, { view: null })).peer, ownGeneration), false)
  t.equal(isTwoWay(unheard, ownGeneration), false)
})

t.test('Linux-HA peer: announces a longer dead time -> is judged by it; a shorter one -> by ours', async t => {
  const starting = hearAt(1_000, unheard, status(1, { view: null, text: 'up', deadtimeMs: 30_000 })).peer
  t.equal(starting.implementation, 'linux-ha')
  t.equal(deathAt(starting, timing, instant(0)), 31_000)
  t.equal(judgeAt(30_999, starting).peer.standing.kind, 'alive')
  t.match(judgeAt(31_000, starting).peer.standing, { kind: 'dead', reason: 'silent for 30000 ms, deadtime 30000 ms' })
  const active = hearAt(1_100, starting, status(2, { view: null, deadtimeMs: 499 })).peer
  t.equal(deathAt(active, timing, instant(0)), 1_600)
})

t.test('our own peer: announces a longer dead time -> is judged by ours all the same', async t => {
  t.equal(deathAt(hearAt(1_000, unheard, status(1, { deadtimeMs: 30_000 })).peer, timing, instant(0)), 1_500)
})

t.test('uuid: first heard, silent, the same, another -> only the change is said', async t => {
  const first = hearAt(1_100, alive, status(11, { uuid: 'aa' }))
  t.equal(first.peer.uuid, 'aa')
  t.strictSame(first.notes, [])
  const silent = hearAt(1_200, first.peer, status(12))
  t.equal(silent.peer.uuid, 'aa')
  const changed = hearAt(1_300, silent.peer, status(13, { uuid: 'bb' }))
  t.strictSame(changed.notes, [{ level: 'info', text: 'node ha2 changed its uuid to bb' }])
  t.strictSame(hearAt(1_400, changed.peer, status(1, { generation: 8, uuid: 'bb' })).peer.uuid, 'bb')
})
