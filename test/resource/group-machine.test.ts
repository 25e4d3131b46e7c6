import t from 'tap'
import { instant, millis } from '../../src/base/units.js'
import {
  beginProbe,
  beginStart,
  beginStop,
  clearFailure,
  deadlineOf,
  describeOutcome,
  onOutcome,
  onTime,
  resume,
  stateOf,
  voidProbe,
  type GroupEffect,
  type GroupMachine,
  type GroupRun,
  type GroupSetup,
  type GroupStep,
  type OperationOutcome,
  type OperationResult
} from '../../src/resource/group-machine.js'

const setup: GroupSetup = {
  key: 'IPaddr::10.0.0.5',
  home: 'ha1',
  resources: [
    { word: 'IPaddr::10.0.0.5', command: '/r/IPaddr 10.0.0.5', isIdempotent: true },
    { word: 'disk', command: '/r/disk', isIdempotent: false },
    { word: 'web', command: '/r/web', isIdempotent: true }
  ],
  limits: { startTimeoutMs: millis(1_000), stopTimeoutMs: millis(2_000), statusTimeoutMs: millis(300), stopRetries: 2, stopRetryDelayMs: millis(50) }
}
const stopped: GroupMachine = { run: { kind: 'stopped' }, attempt: 0, failures: 0 }
const outcome = (kind: OperationResult, change: Partial<OperationOutcome> = {}): OperationOutcome => ({ kind, exitCode: kind === 'failed' ? 1 : 0, signal: null, said: [], ...change })

/** Feeds outcomes to a group, always for the operation under way, and writes down what it does. */
class Track {
  machine: GroupMachine
  readonly did: string[] = []
  readonly notes: string[] = []
  #time: number

  constructor(begin: GroupStep, time = 0) {
    this.#time = time
    this.machine = this.take(begin)
  }

  take(step: GroupStep): GroupMachine {
    for (const effect of step.effects) {
      if (effect.kind === 'note') this.notes.push(`${effect.level} ${effect.text}`)
      else this.did.push(effect.kind === 'cancel' ? 'cancel' : `${effect.operation} ${effect.index}`)
    }
    this.machine = step.machine
    return step.machine
  }

  /** One outcome; `mayGoOn` false pauses a start. */
  ended(kind: OperationResult, options: { readonly mayGoOn?: boolean; readonly said?: readonly string[] } = {}): this {
    const context = { now: instant(this.#time), mayGoOn: options.mayGoOn ?? true }
    this.take(onOutcome(setup, this.machine, { attempt: this.machine.attempt, outcome: outcome(kind, { said: options.said ?? [] }) }, context))
    return this
  }

  all(...kinds: readonly OperationResult[]): this {
    for (const kind of kinds) this.ended(kind)
    return this
  }

  /** The clock moves to the next retry, which begins. */
  due(): this {
    const deadline = deadlineOf(this.machine)
    if (deadline === null) throw new Error('nothing is waited for')
    this.#time = deadline
    this.take(onTime(setup, this.machine, deadline))
    return this
  }

  stop(then: 'stopped' | 'failed' = 'stopped'): this {
    this.take(beginStop(setup, this.machine, then, 'asked to'))
    return this
  }

  get kind(): GroupRun['kind'] {
    return this.machine.run.kind
  }
}
const started = (): Track => new Track(beginStart(setup, stopped))
const running = (): Track => started().all('ok', 'stopped', 'ok', 'ok')
const probed = (...kinds: readonly OperationResult[]): Track => new Track(beginProbe(setup)).all(...kinds)

t.test('probe: every resource stopped -> asked left to right, one at a time, then stopped', async t => {
  const track = new Track(beginProbe(setup))
  t.strictSame(track.did, ['status 0'])
  track.all('stopped', 'stopped')
  t.equal(stateOf(track.machine.run), 'unknown', 'not known before the last one answered')
  track.ended('stopped')
  t.strictSame(track.did, ['status 0', 'status 1', 'status 2'])
  t.equal(track.kind, 'stopped')
})

t.test('probe: every resource running -> adopted, nothing is started or stopped', async t => {
  const track = probed('running', 'running', 'running')
  t.equal(track.kind, 'running')
  t.strictSame(track.did, ['status 0', 'status 1', 'status 2'])
  t.match(track.notes, [/found running on this node: adopted/])
})

t.test('probe: running in part -> stopped whole, right to left, and the finding is told', async t => {
  const track = probed('running', 'stopped', 'unknown')
  t.match(track.machine.run, { kind: 'stopping', then: 'stopped', reason: 'found running in part: IPaddr::10.0.0.5 running, disk stopped, web unknown' })
  track.all('ok', 'ok', 'ok')
  t.strictSame(track.did.slice(3), ['stop 2', 'stop 1', 'stop 0'])
  t.equal(track.kind, 'stopped')
})

t.test('probe: a status that hangs, fails or is unknown -> proves nothing, so the group is stopped', async t => {
  for (const kind of ['timed-out', 'failed', 'unknown', 'cancelled'] as const) t.equal(probed('stopped', kind, 'stopped').kind, 'stopping', kind)
})

t.test('probe: addresses are taken off in the middle of it -> looked at from the beginning, one operation at a time, and released, as it runs in part', async t => {
  const track = new Track(beginProbe(setup)).all('running')
  track.machine = voidProbe(track.machine)
  track.ended('running')
  t.strictSame(track.did, ['status 0', 'status 1', 'status 0'])
  track.all('stopped', 'running', 'running')
  t.equal(track.kind, 'stopping')
  t.equal(voidProbe(track.machine), track.machine, 'nothing else is changed by it')
})

t.test('probe: a script that is not there -> cannot have started anything', async t => {
  t.equal(probed('stopped', 'not-installed', 'stopped').kind, 'stopped')
})

t.test('start: every resource succeeds -> left to right, status asked first where start is not idempotent', async t => {
  const track = running()
  t.strictSame(track.did, ['start 0', 'status 1', 'start 1', 'start 2'])
  t.equal(track.kind, 'running')
  t.strictSame(track.notes, [
    'info Acquiring resource group: ha1 IPaddr::10.0.0.5 disk web',
    'info Resource group IPaddr::10.0.0.5 is running on this node'
  ])
})

t.test('start: not running before the last resource answered', async t => {
  const track = started().all('ok', 'stopped', 'ok')
  t.equal(track.kind, 'starting')
})

t.test('start: a resource whose status says running -> is not started again', async t => {
  t.strictSame(started().all('ok', 'running', 'ok').did, ['start 0', 'status 1', 'start 2'])
})

t.test('start: a status that says anything else -> started all the same, as in Linux-HA', async t => {
  for (const kind of ['stopped', 'unknown', 'failed', 'timed-out', 'not-installed'] as const) t.strictSame(started().all('ok', kind).did, ['start 0', 'status 1', 'start 1'], kind)
})

t.test('operations: each kind -> has its own time limit and a new attempt', async t => {
  const limitOf = (step: GroupStep): unknown => step.effects.find((effect): effect is GroupEffect & { kind: 'operate' } => effect.kind === 'operate')
  t.match(limitOf(beginStart(setup, stopped)), { operation: 'start', timeoutMs: 1_000, attempt: 1 })
  t.match(limitOf(beginProbe(setup)), { operation: 'status', timeoutMs: 300, attempt: 1 })
  t.match(limitOf(beginStop(setup, { ...stopped, attempt: 8 }, 'stopped', '')), { operation: 'stop', timeoutMs: 2_000, attempt: 9 })
})

t.test('failed start: in the middle -> the whole group is stopped, and only then failed', async t => {
  const track = started().all('ok', 'stopped').ended('failed', { said: ['disk is busy'] })
  t.match(track.machine.run, { kind: 'stopping', then: 'failed' })
  t.ok(track.notes.includes('error /r/disk start failed: Return code 1: disk is busy'))
  t.ok(track.notes.includes('crit Giving up resources due to failure of disk'))
  track.all('ok', 'ok')
  t.equal(stateOf(track.machine.run), 'stopping', 'the first resource may still run')
  track.ended('ok')
  t.strictSame(track.did.slice(3), ['stop 2', 'stop 1', 'stop 0'])
  t.match(track.machine.run, { kind: 'failed', reason: '/r/disk start failed: Return code 1: disk is busy' })
})

t.test('hanging start: ended at its time limit -> a failed start, with the limit in the reason', async t => {
  const track = started().all('timed-out', 'ok', 'ok', 'ok')
  t.match(track.machine.run, { kind: 'failed', reason: '/r/IPaddr 10.0.0.5 start did not end within 1000 ms and was ended' })
})

t.test('failed start: any outcome but ok -> failed', async t => {
  for (const kind of ['failed', 'timed-out', 'cancelled', 'not-installed', 'running', 'stopped', 'unknown'] as const) {
    t.match(started().ended(kind).machine.run, { kind: 'stopping', then: 'failed' }, kind)
  }
})

t.test('failed starts: one after the other -> retried after 5 s, then twice as long each time, at most 5 minutes', async t => {
  const spaces: number[] = []
  let machine = stopped
  for (let failure = 0; failure < 40; failure++) {
    const track = new Track(beginStart(setup, machine)).all('failed', 'ok', 'ok', 'ok')
    const { run } = track.machine
    spaces.push(run.kind === 'failed' ? run.retryAt : -1)
    machine = clearFailure(track.machine)
  }
  t.strictSame(spaces.slice(0, 8), [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
  t.ok(spaces.slice(8).every(space => space === 300_000))
  const good = new Track(beginStart(setup, machine)).all('ok', 'running', 'ok')
  t.equal(good.machine.failures, 0, 'a good start is a fresh one')
})

t.test('clear failure: failed -> stopped; any other state -> as it was', async t => {
  const failed = started().all('failed', 'ok', 'ok', 'ok').machine
  t.strictSame(clearFailure(failed).run, { kind: 'stopped' })
  const blocked: GroupMachine = { ...stopped, run: { kind: 'blocked', reason: 'x' } }
  for (const machine of [stopped, blocked, running().machine]) t.equal(clearFailure(machine), machine)
})

t.test('stop: of a running group -> right to left, one at a time, then stopped', async t => {
  const track = running().stop()
  t.equal(track.notes.at(-1), 'info Releasing resource group: ha1 IPaddr::10.0.0.5 disk web (asked to)')
  t.strictSame(track.did.slice(4), ['stop 2'])
  track.all('ok', 'ok')
  t.equal(track.kind, 'stopping')
  track.ended('ok')
  t.strictSame(track.did.slice(4), ['stop 2', 'stop 1', 'stop 0'])
  t.equal(track.kind, 'stopped')
})

t.test('stop: asked again while stopping -> goes on as it was', async t => {
  const track = running().stop()
  t.strictSame(beginStop(setup, track.machine, 'failed', 'again'), { machine: track.machine, effects: [] })
})

t.test('failed stop: waits, is tried again, and then goes on', async t => {
  const track = running().stop().ended('failed')
  t.match(track.machine.run, { kind: 'stopping', doing: 'waiting', tries: 1, retryAt: 50 })
  t.strictSame(onTime(setup, track.machine, instant(49)), { machine: track.machine, effects: [] })
  track.due()
  t.equal(track.notes.at(-1), 'info Retrying failed stop operation [web]')
  t.equal(deadlineOf(track.machine), null, 'while it runs, nothing is waited for')
  track.all('ok', 'ok', 'ok')
  t.strictSame(track.did.slice(4), ['stop 2', 'stop 2', 'stop 1', 'stop 0'])
  t.equal(track.kind, 'stopped')
})

t.test('failed stop: the tries of one resource -> are not counted against the next', async t => {
  const track = running().stop().ended('failed').due().ended('failed').due().ended('ok')
  t.match(track.machine.run, { index: 1, tries: 0 })
  track.ended('failed').due().ended('failed')
  t.match(track.machine.run, { doing: 'waiting', tries: 2 })
})

const outOfTries = (): Track => running().stop().ended('failed').due().ended('timed-out').due().ended('failed')

t.test('stop out of tries: status has the last word; it says stopped -> goes on, with a warning', async t => {
  const track = outOfTries()
  t.equal(track.did.at(-1), 'status 2')
  track.ended('stopped')
  t.match(track.notes.at(-1), /^warn \/r\/web says it is stopped although its stop failed/)
  track.all('ok', 'ok')
  t.equal(track.kind, 'stopped')
})

t.test('stop out of tries: status says anything else -> blocked, and what to the left of it runs is left alone', async t => {
  for (const kind of ['running', 'unknown', 'failed', 'timed-out', 'cancelled', 'not-installed'] as const) {
    const track = outOfTries().ended(kind)
    t.match(track.machine.run, { kind: 'blocked', reason: '/r/web stop did not succeed in 3 tries and the resource may still run here' }, kind)
    t.equal(track.did.at(-1), 'status 2')
    t.match(track.notes.at(-1), /^crit Resource STOP failure.*heartbeat cleanup IPaddr::10\.0\.0\.5$/)
  }
})

t.test('failed start whose stop keeps failing -> blocked, never failed: the peer may not have it', async t => {
  const track = started().all('failed', 'failed').due().ended('failed').due().all('failed', 'running')
  t.equal(stateOf(track.machine.run), 'blocked')
})

t.test('blocked: an operator has it stopped again -> all resources again, with all tries', async t => {
  const track = outOfTries().ended('running').stop()
  t.match(track.machine.run, { kind: 'stopping', index: 2, tries: 0 })
  track.all('ok', 'ok', 'ok')
  t.equal(track.kind, 'stopped')
})

t.test('stop: no retries configured -> status decides after the first failure', async t => {
  const once = { ...setup, limits: { ...setup.limits, stopRetries: 0 } }
  const begun = beginStop(once, running().machine, 'stopped', 'x').machine
  const step = onOutcome(once, begun, { attempt: begun.attempt, outcome: outcome('failed') }, { now: instant(0), mayGoOn: true })
  t.match(step.machine.run, { kind: 'stopping', doing: 'status' })
})

t.test('cancelled start: stop while a script runs -> it is ended first, and nothing begins before it has', async t => {
  const track = started().ended('ok').stop()
  t.equal(track.did.at(-1), 'cancel')
  t.match(track.machine.run, { kind: 'stopping', doing: 'cancelling' })
  track.ended('cancelled')
  t.equal(track.did.at(-1), 'stop 2', 'the whole group: whatever got how far')
})

t.test('cancelled start: the script succeeded just before it was ended -> stopped all the same', async t => {
  const track = started().stop().all('ok', 'ok', 'ok', 'ok')
  t.strictSame(track.did, ['start 0', 'cancel', 'stop 2', 'stop 1', 'stop 0'])
  t.equal(track.kind, 'stopped')
  t.notOk(track.notes.some(text => text.includes('is running on this node')))
})

t.test('cancelled probe: stop while looking -> the look is ended, then the whole group is stopped', async t => {
  const track = new Track(beginProbe(setup)).ended('stopped').stop().all('cancelled', 'ok', 'ok', 'ok')
  t.strictSame(track.did, ['status 0', 'status 1', 'cancel', 'stop 2', 'stop 1', 'stop 0'])
})

t.test('pause: the peer turns up holding it -> the next resource waits until resumed', async t => {
  const track = started().ended('ok', { mayGoOn: false })
  t.match(track.machine.run, { kind: 'starting', index: 1, operation: 'paused' })
  t.strictSame(track.did, ['start 0'])
  track.take(resume(setup, track.machine))
  track.all('stopped', 'ok', 'ok')
  t.strictSame(track.did, ['start 0', 'status 1', 'start 1', 'start 2'])
  t.equal(track.kind, 'running')
})

t.test('pause: after a status, before its start -> the same resource waits, and is asked again', async t => {
  const track = started().ended('ok').ended('stopped', { mayGoOn: false })
  t.match(track.machine.run, { index: 1, operation: 'paused' })
  track.take(resume(setup, track.machine))
  t.strictSame(track.did, ['start 0', 'status 1', 'status 1'])
})

t.test('pause: the last resource has just started -> the group runs; there is nothing to wait with', async t => {
  t.equal(started().all('ok', 'running').ended('ok', { mayGoOn: false }).kind, 'running')
})

t.test('pause: a start that failed meanwhile -> is stopped, not paused', async t => {
  t.match(started().ended('failed', { mayGoOn: false }).machine.run, { kind: 'stopping', then: 'failed' })
})

t.test('pause: stop while paused -> nothing is under way, so it stops at once', async t => {
  const track = started().ended('ok', { mayGoOn: false }).stop()
  t.strictSame(track.did, ['start 0', 'stop 2'])
})

t.test('resume: nothing is paused -> changes nothing', async t => {
  for (const machine of [stopped, started().machine, running().machine, running().stop().machine]) t.strictSame(resume(setup, machine), { machine, effects: [] })
})

/** One group in every state it can be in. */
const everyState = (): readonly GroupMachine[] => [
  stopped,
  new Track(beginProbe(setup)).machine,
  started().machine,
  started().ended('ok').machine,
  started().ended('ok', { mayGoOn: false }).machine,
  running().machine,
  running().stop().machine,
  running().stop().ended('failed').machine,
  started().stop().machine,
  outOfTries().machine,
  outOfTries().ended('running').machine,
  started().all('failed', 'ok', 'ok', 'ok').machine
]

t.test('outcomes: of another attempt -> change nothing in any state', async t => {
  for (const machine of everyState()) {
    for (const attempt of [machine.attempt - 1, machine.attempt + 1]) {
      const step = onOutcome(setup, machine, { attempt, outcome: outcome('failed') }, { now: instant(0), mayGoOn: true })
      t.strictSame(step, { machine, effects: [] }, machine.run.kind)
    }
  }
})

t.test('outcomes: the same one twice, while nothing is under way -> changes nothing', async t => {
  const idle = everyState().filter(({ run }) => {
    if (run.kind === 'starting') return run.operation === 'paused'
    return run.kind === 'stopping' ? run.doing === 'waiting' : run.kind !== 'probing'
  })
  t.equal(idle.length, 6)
  for (const machine of idle) {
    const step = onOutcome(setup, machine, { attempt: machine.attempt, outcome: outcome('ok') }, { now: instant(0), mayGoOn: true })
    t.strictSame(step, { machine, effects: [] }, machine.run.kind)
  }
})

t.test('time: nothing is due -> changes nothing in any state', async t => {
  for (const machine of everyState()) {
    const deadline = deadlineOf(machine)
    t.strictSame(onTime(setup, machine, instant(deadline === null ? 1e9 : deadline - 1)), { machine, effects: [] }, machine.run.kind)
  }
})

t.test('interruption: stop after every prefix of a start, the script ending well or badly -> stopped, each resource stopped once', async t => {
  const story: readonly OperationResult[] = ['ok', 'stopped', 'ok', 'ok']
  for (let length = 0; length <= story.length; length++) {
    for (const last of ['ok', 'cancelled', 'failed', 'timed-out', 'running'] as const) {
      const track = started().all(...story.slice(0, length)).stop()
      if (track.machine.run.kind === 'stopping' && track.machine.run.doing === 'cancelling') track.ended(last)
      track.all('ok', 'ok', 'ok')
      t.strictSame(track.machine.run, { kind: 'stopped' }, `after ${length} outcomes, then ${last}`)
      t.strictSame(track.did.filter(one => one.startsWith('stop')), ['stop 2', 'stop 1', 'stop 0'])
    }
  }
})

t.test('interruption: stop at every pause of a start -> stopped', async t => {
  for (const [before, at] of [[[], 'ok'], [['ok'], 'stopped'], [['ok'], 'running'], [['ok', 'stopped'], 'ok']] as const) {
    const track = started().all(...before).ended(at, { mayGoOn: false }).stop().all('ok', 'ok', 'ok')
    t.strictSame(track.machine.run, { kind: 'stopped' })
  }
})

t.test('interruption: every resource fails to stop at first, after every prefix of a start -> stopped after its retries', async t => {
  for (let length = 0; length <= 4; length++) {
    const track = started().all(...(['ok', 'stopped', 'ok', 'ok'] as const).slice(0, length)).stop()
    if (track.did.at(-1) === 'cancel') track.ended('cancelled')
    for (let resource = 0; resource < 3; resource++) track.ended('failed').due().ended('timed-out').due().ended('ok')
    t.strictSame(track.machine.run, { kind: 'stopped' }, `after ${length} outcomes`)
  }
})

t.test('describe outcome: each ending -> a sentence part with what the script said last', async t => {
  const limit = millis(700)
  const said = ['one', 'two', 'three', 'four']
  t.equal(describeOutcome(outcome('failed', { exitCode: 5, said }), limit), 'failed: Return code 5: two | three | four')
  t.equal(describeOutcome(outcome('failed', { exitCode: null }), limit), 'failed: Return code unknown')
  t.equal(describeOutcome(outcome('failed', { exitCode: null, signal: 'SIGSEGV' }), limit), 'was ended by SIGSEGV')
  t.equal(describeOutcome(outcome('timed-out', { signal: 'SIGKILL', said: ['x'] }), limit), 'did not end within 700 ms and was ended: x')
  t.equal(describeOutcome(outcome('cancelled'), limit), 'was cancelled')
  t.equal(describeOutcome(outcome('not-installed'), limit), 'cannot run: Cannot locate resource script')
})
