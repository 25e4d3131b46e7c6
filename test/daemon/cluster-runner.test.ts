/** The runner's rules about time and order, on a clock that stands still for nobody but can find this process late. */

import t from 'tap'
import { millis, type Millis } from '../../src/base/units.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings } from '../../src/cluster/types.js'
import { ClusterRunner } from '../../src/daemon/cluster-runner.js'
import type { Clock, Scheduled } from '../../src/port/clock.js'
import { noSafety } from '../../src/safety/types.js'
import { wellHealth, type GroupStateName, type NodePhase } from '../../src/wire/ownership.js'
import { readHeard, statusMessage } from '../../src/wire/status.js'
import { VirtualClock } from '../sim/virtual-clock.js'

const keepaliveMs = 100
const deadtimeMs = 500

function settingsWith(keys: readonly string[]): ClusterSettings {
  return {
    self: { name: 'alpha', generation: 5 },
    peerName: 'beta',
    timing: { keepaliveMs: millis(keepaliveMs), warntimeMs: millis(250), deadtimeMs: millis(deadtimeMs), initdeadMs: millis(1_000) },
    autoFailback: 'off',
    groups: keys.map((key, index) => ({
      key,
      home: 'alpha',
      id: `0000000${index}`,
      digest: '0000000a',
      resources: [{ word: 'IPaddr', command: 'IPaddr', isIdempotent: true }],
      limits: { startTimeoutMs: millis(2_000), stopTimeoutMs: millis(1_000), statusTimeoutMs: millis(500), stopRetries: 1, stopRetryDelayMs: millis(300) }
    })),
    links: [{ name: 'eth0', description: 'ucast eth0' }],
    rememberedPeerGeneration: null,
    rememberedPeerSequence: 0,
    heldEpochs: new Map(),
    safety: noSafety,
    agreement: null,
    moveTimeoutMs: millis(5_000)
  }
}

/** A runner whose clock, mail and turn of the event loop are in the hands of the test. */
class Bench {
  readonly effects: ClusterEffect[] = []
  /** Ticks that wait for the mail to be read. */
  readonly yielded: (() => void)[] = []
  readonly runner: ClusterRunner
  /** Called within `perform`, after the effect was written down. */
  onEffect: (effect: ClusterEffect) => void = () => undefined
  armed = 0
  /** What had been done when the host was asked for the cause of a stall. */
  doneBeforeCause: readonly string[] = []
  readonly #clock = new VirtualClock()
  readonly #settings: ClusterSettings
  readonly #waiting: (() => void)[] = []
  #isFrozen = false
  #sequence = 0

  constructor(keys: readonly string[] = []) {
    this.#settings = settingsWith(keys)
    const clock: Clock = {
      monotonic: () => this.#clock.monotonic(),
      wall: () => this.#clock.wall(),
      schedule: (delay, callback) => this.#schedule(delay, callback)
    }
    this.runner = new ClusterRunner({
      causeOfStall: () => {
        this.doneBeforeCause = this.kinds()
        return 'it was stopped, or its machine was'
      },
      clock,
      settings: this.#settings,
      perform: effect => {
        this.effects.push(effect)
        this.onEffect(effect)
      },
      yieldOnce: callback => {
        this.yielded.push(callback)
      }
    })
  }

  /** Looked around, the peer heard: a full member that holds every group. */
  static active(keys: readonly string[] = []): Bench {
    const bench = new Bench(keys)
    bench.runner.begin()
    for (const index of keys.keys()) bench.operated(index, 'running')
    bench.mail('up')
    bench.effects.length = 0
    return bench
  }

  get now(): number {
    return this.#clock.monotonic()
  }

  get notes(): readonly string[] {
    return this.effects.flatMap(effect => (effect.kind === 'note' ? [effect.text] : []))
  }

  kinds(): readonly string[] {
    return this.effects.map(effect => effect.kind)
  }

  /** Lets time pass; what falls due meanwhile happens at its time, unless this process is frozen. */
  passes(durationMs: number): void {
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    // Once more at the same moment, behind whatever fell due at it.
    this.#clock.schedule(millis(durationMs), () => this.#clock.schedule(millis(0), end))
    while (!isOver && this.#clock.step());
  }

  /** This process does not run while time passes; then `first` happens, then what the timers had waiting. */
  sleeps(durationMs: number, first: () => void = () => undefined): void {
    this.isBusy(durationMs)
    first()
    for (const callback of this.#waiting.splice(0)) callback()
  }

  /** Time passes while an event is handled; timers that fall due meanwhile fire after it. */
  isBusy(durationMs: number): void {
    this.#isFrozen = true
    this.passes(durationMs)
    this.#isFrozen = false
  }

  /** One turn of the event loop: the mail has been read. */
  turns(): void {
    for (const callback of this.yielded.splice(0)) callback()
  }

  post(event: ClusterEvent): void {
    this.runner.post(event)
  }

  operated(group: number, kind: 'running' | 'stopped'): void {
    const attempt = this.runner.state.groups[group]?.machine.attempt ?? 0
    this.post({ kind: 'operated', now: this.#clock.monotonic(), group, attempt, outcome: { kind, exitCode: 0, signal: null, said: [] } })
  }

  /** A heartbeat of the peer, which hears us and holds nothing. */
  mail(status: 'up' | 'active' = 'active'): void {
    this.#sequence += 1
    const { sequence } = this.runner.state
    const phase: NodePhase = status === 'up' ? 'joining' : 'active'
    const state: GroupStateName = 'stopped'
    const groups = this.#settings.groups.map(({ id, digest }) => ({ id, digest, state, epoch: 0, avoid: false, wanted: false, canServe: true }))
    const acknowledged = { generation: this.#settings.self.generation, sequence }
    const sender = { name: 'beta', uuid: new Uint8Array(16).fill(2), generation: 9, ttl: 3 }
    const view = { phase, acknowledged, hearsPeer: true, groups, health: wellHealth, agreement: null }
    const heard = readHeard(statusMessage(sender, { sequence: this.#sequence, status, deadtimeMs: millis(deadtimeMs), view }, { wallS: 1_700_000_000, load: '0' }))
    if (heard === null) throw new Error('our own status is readable')
    this.post({ kind: 'heard', now: this.#clock.monotonic(), link: 0, heard })
  }

  #schedule(delay: Millis, callback: () => void): Scheduled {
    let isPending = true
    this.armed += 1
    const end = (): void => {
      if (isPending) this.armed -= 1
      isPending = false
    }
    const fire = (): void => {
      if (!isPending) return
      end()
      callback()
    }
    const scheduled = this.#clock.schedule(delay, () => {
      if (this.#isFrozen) this.#waiting.push(fire)
      else fire()
    })
    return {
      cancel: () => {
        end()
        scheduled.cancel()
      }
    }
  }
}

const positionOf = (notes: readonly string[], word: string): number => notes.findIndex(note => note.includes(word))

t.test('runner: a stall, and the mail is read before the timer fires -> reported once, before the mail', t => {
  const bench = Bench.active()
  bench.sleeps(400, () => bench.mail('active'))
  bench.turns()
  t.equal(bench.runner.state.stalls.count, 1)
  const [woke, mail] = [positionOf(bench.notes, 'This node stood still'), positionOf(bench.notes, 'Status update for node beta: status active')]
  t.ok(woke >= 0 && woke < mail, bench.notes.join('; '))
  bench.passes(1)
  bench.mail('active')
  t.equal(bench.runner.state.stalls.count, 1)
  t.end()
})

t.test('runner: a stall, and the timer fires before the mail is read -> reported once, before the mail, and the tick comes last', t => {
  const bench = Bench.active()
  bench.sleeps(2_000)
  t.equal(bench.runner.state.stalls.count, 1)
  t.equal(bench.yielded.length, 1, 'the tick waits for the mail')
  t.equal(bench.runner.state.isCatchingUp, true)
  bench.mail('active')
  t.equal(bench.runner.state.isCatchingUp, true, 'until all mail is read nothing new is taken')
  bench.turns()
  t.equal(bench.runner.state.isCatchingUp, false)
  t.equal(bench.runner.state.stalls.count, 1)
  t.equal(bench.runner.state.peer.standing.kind, 'alive')
  t.strictSame(bench.notes.map(note => note.split(':')[0]).slice(0, 2), ['This node stood still for 1900 ms (it was stopped, or its machine was); that time is not held against beta', 'Status update for node beta'])
  t.end()
})

t.test('runner: a stall past deadtime with a group held -> its address goes before the first datagram is looked at', t => {
  for (const isMailFirst of [true, false]) {
    const bench = Bench.active(['web'])
    bench.sleeps(1_500, () => {
      if (isMailFirst) bench.mail('active')
    })
    if (!isMailFirst) bench.mail('active')
    t.equal(bench.kinds()[0], 'drop-addresses')
    t.equal(bench.effects.filter(effect => effect.kind === 'drop-addresses').length, 1)
    t.ok(bench.doneBeforeCause.includes('send-status'), 'and its cause is looked for when the heartbeat is out, too')
    t.equal(bench.runner.state.stalls.last?.cause, 'it was stopped, or its machine was')
    t.equal(bench.notes.filter(note => note.startsWith('This node stood still')).length, 1)
  }
  t.end()
})

t.test('runner: an effect that does not return for long, as the beginning of a child on a busy machine -> a stall like any other', t => {
  for (const begins of ['heard', 'tick'] as const) {
    const bench = Bench.active(['web'])
    bench.onEffect = () => {
      bench.onEffect = () => undefined
      bench.isBusy(1_500)
    }
    if (begins === 'heard') bench.mail('active')
    else bench.passes(keepaliveMs)
    t.not(bench.effects.length, 0)
    bench.effects.length = 0
    bench.mail('active')
    t.equal(bench.kinds()[0], 'drop-addresses', `${begins}: before the next datagram is looked at`)
    bench.turns()
    t.equal(bench.runner.state.stalls.count, 1)
  }
  t.end()
})

t.test('runner: an effect that takes as long as ordinary scheduling -> no stall', t => {
  const bench = Bench.active(['web'])
  bench.onEffect = () => {
    bench.onEffect = () => undefined
    bench.isBusy(keepaliveMs + 40)
  }
  bench.passes(keepaliveMs)
  bench.mail('active')
  t.equal(bench.runner.state.stalls.count, 0)
  t.end()
})

t.test('runner: a deadline that comes late by ordinary scheduling -> no stall', t => {
  const late = Bench.active()
  late.sleeps(keepaliveMs + 40)
  t.equal(late.runner.state.stalls.count, 0)
  t.equal(late.yielded.length, 0)
  const stalled = Bench.active()
  stalled.sleeps(keepaliveMs + 60)
  t.equal(stalled.runner.state.stalls.count, 1)
  t.end()
})

t.test('runner: the peer is to be judged -> the tick waits for the mail, which may save it', t => {
  const saved = Bench.active()
  saved.passes(deadtimeMs)
  t.equal(saved.yielded.length, 1)
  t.equal(saved.runner.state.peer.standing.kind, 'alive', 'not judged yet')
  saved.mail('active')
  saved.turns()
  t.equal(saved.runner.state.peer.standing.kind, 'alive')
  t.equal(positionOf(saved.notes, 'is dead'), -1)

  const lost = Bench.active()
  lost.passes(deadtimeMs)
  lost.turns()
  t.equal(lost.runner.state.peer.standing.kind, 'dead')
  t.end()
})

t.test('runner: a tick waits for the mail -> no other deadline is armed, and the tick arms the next one', t => {
  const bench = Bench.active()
  bench.passes(deadtimeMs)
  t.equal(bench.armed, 0)
  bench.mail('active')
  t.equal(bench.armed, 0)
  bench.turns()
  t.equal(bench.armed, 1)
  t.end()
})

t.test('runner: nothing but a keepalive is due -> sent at its time, without waiting for the mail', t => {
  const bench = Bench.active()
  for (let round = 1; round <= 4; round += 1) {
    bench.passes(keepaliveMs)
    t.strictSame(bench.kinds(), Array.from({ length: round }, () => 'send-status'))
  }
  t.equal(bench.yielded.length, 0)
  t.equal(bench.armed, 1)
  t.end()
})

t.test('runner: stopped -> no deadline stays armed, and nothing that still comes is taken', t => {
  const bench = Bench.active()
  bench.runner.stop()
  t.equal(bench.armed, 0)
  const { state } = bench.runner
  bench.mail('active')
  bench.passes(5_000)
  t.equal(bench.runner.state, state)
  t.strictSame(bench.effects, [])
  t.end()
})

t.test('runner: stopped while a tick waits for the mail -> the tick is dropped', t => {
  const bench = Bench.active()
  bench.passes(deadtimeMs)
  bench.effects.length = 0
  bench.runner.stop()
  bench.turns()
  t.strictSame(bench.effects, [])
  t.equal(bench.armed, 0)
  t.end()
})

t.test('runner: stopped by an effect, as the exit does -> the events behind it are dropped and no deadline is armed', t => {
  const bench = Bench.active()
  bench.onEffect = effect => {
    if (effect.kind !== 'send-status') return
    bench.mail('active')
    bench.runner.stop()
  }
  bench.passes(keepaliveMs)
  t.strictSame(bench.kinds(), ['send-status'])
  t.equal(bench.armed, 0)
  t.end()
})

t.test('runner: an effect posts an event -> all effects of the current step come first, and the core is never entered twice', t => {
  const bench = new Bench(['web', 'db'])
  let isPerforming = false
  bench.onEffect = effect => {
    t.equal(isPerforming, false, `${effect.kind} within another effect`)
    isPerforming = true
    if (effect.kind === 'operate') bench.operated(effect.group, 'stopped')
    isPerforming = false
  }
  bench.runner.begin()
  t.strictSame(bench.kinds(), ['note', 'operate', 'operate', 'send-status', 'send-status', 'send-status'])
  t.equal(bench.runner.state.phase, 'joining')
  t.end()
})
