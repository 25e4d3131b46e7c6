/** `heartbeat simulate` at the terminal: from the files, from a daemon, from a record; and everything that can be typed wrongly. */

import fs from 'node:fs'
import { hostname } from 'node:os'
import t from 'tap'
import { heartbeat } from '../../src/cli/heartbeat-program.js'
import { openFlightFile } from '../../src/flight/file.js'
import { plainSettings, plainState } from '../../src/flight/plain.js'
import { FlightRecorder } from '../../src/flight/recorder.js'
import { VirtualClock } from '../sim/virtual-clock.js'
import { Scenario } from '../sim/scenario.js'
import { World as SimWorld } from '../sim/world.js'
import { world, type World } from './fake-daemon.js'

const self = hostname().toLowerCase()
const haCf = `logfile /dev/null\nrealtime off\nkeepalive 100ms\nwarntime 250ms\ndeadtime 500ms\ninitdead 5\nudpport 6940\nbcast lo\nnode ${self} other\n`

function configured(w: World): void {
  w.file('ha.cf', haCf)
  w.file('haresources', `${self} 10.0.0.5/24/lo\n`)
  w.file('authkeys', 'auth 1\n1 sha256 0123456789abcdef0123\n')
}

t.test('simulate: no daemon -> the files, and the assumption is said', async t => {
  const w = world(t)
  configured(w)
  const { status, out, err } = await w.run(heartbeat, 'simulate', `${self} dies`)
  t.equal(status, 0, err)
  t.match(out, /no daemon was asked: both nodes are up, they hear each other, and every group runs at home/)
  t.match(out, /0 ms +\*\*\* .* dies/)
  t.match(out, /10\.0\.0\.5\/24\/lo runs on other \(before: .*\); without service for \d+ ms/)
  const json = JSON.parse((await w.run(heartbeat, 'simulate', `${self} dies`, '--json')).out) as object
  t.match(json, { ok: true, groups: [{ key: '10.0.0.5/24/lo', before: self, after: 'other', doubleMs: 0 }] })
})

t.test('simulate: no daemon and faults in the files -> 6 with each', async t => {
  const w = world(t)
  configured(w)
  w.file('haresources', 'nobody 10.0.0.5\n')
  const { status, err } = await w.run(heartbeat, 'simulate', `${self} dies`)
  t.equal(status, 6)
  t.match(err, /the files have faults:\n.*haresources:1/)
})

t.test('simulate: a daemon -> its state and its measured scripts', async t => {
  const w = world(t)
  const s = Scenario.running({ homes: ['alpha'] })
  const { settings } = s.node('alpha')
  const state = s.state('alpha')
  const snapshot = { version: '0', now: state.at, wallMs: 0, settings: plainSettings(settings), state: plainState(state), durations: { '0/0/start': 7_000, '0/1/start': 1, '0/2/start': 1 }, lost: 0 }
  await w.serve((request, reply) => (request.kind === 'snapshot' ? reply.done({ kind: 'snapshot', ...snapshot }) : reply.fail('HA_CONTROL_BAD_REQUEST', '?')))
  const { status, out } = await w.run(heartbeat, 'simulate', 'alpha dies')
  t.equal(status, 0)
  t.match(out, /beta is as it last showed itself; it is configured like alpha/)
  t.match(out, /each script takes as long as it last took here/)
  // The simulated scripts may take a second at most: one that takes 7 s is ended, and the start has failed.
  t.match(out, /did not end within 1000 ms/)
})

t.test('simulate: wrong usage -> 2 with what is right', async t => {
  const w = world(t)
  configured(w)
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /say what goes wrong/],
    [['ha9 dies'], /no node ha9; the nodes are/],
    [['link eth9 cut'], /no link eth9; the links are lo/],
    [['nonsense'], /no fault that is known here/],
    [['--set', 'deadtime=2s'], /--set changes a replay/],
    [['--replay'], /say which setting to change/],
    [['--replay', '--set', 'deadtime'], /write NAME=VALUE/],
    [['--replay', '--set', 'deadtime=soon'], /is no time/],
    [['--replay', '--set', 'udpport=5'], /udpport cannot be changed in a replay/],
    [['--replay', '--set', 'auto_failback=maybe'], /auto_failback is on, off or legacy/],
    [['--for', 'ever', 'x'], /give a time such as/]
  ]
  for (const [args, message] of cases) {
    const { status, err } = await w.run(heartbeat, 'simulate', ...args)
    t.equal(status, 2, args.join(' '))
    t.match(err, message)
  }
  const json = JSON.parse((await w.run(heartbeat, 'simulate', 'nonsense', '--json')).out) as object
  t.match(json, { ok: false, message: /no fault that is known/ })
  t.match((await w.run(heartbeat, 'simulate', '--help')).out, /NODE loses carrier +its service interface has no carrier/)
})

/** The record of beta while alpha loses power and is taken over from. */
async function recordedTakeover(file: string): Promise<void> {
  const recorders: FlightRecorder[] = []
  const s = { world: null as SimWorld | null }
  s.world = new SimWorld({
    seed: 3,
    strikes: false,
    methods: [],
    homes: ['alpha'],
    autoFailback: 'off',
    observe: node => {
      if (node.name !== 'beta') return null
      const clock = { monotonic: () => node.runner?.state.at ?? new VirtualClock().monotonic(), wall: () => 1_800_000_000_000 + (s.world?.clock.monotonic() ?? 0), schedule: () => ({ cancel: () => undefined }) }
      const recorder = new FlightRecorder({ clock, settings: node.settings, sizeBytes: 1024 * 1024, open: () => openFlightFile(file, 1024 * 1024), onTrouble: sentence => { throw new Error(sentence) } })
      recorders.push(recorder)
      return { before: (event, state) => recorder.before(event, state), after: (event, before, state) => recorder.after(event, before, state) }
    }
  })
  for (const node of s.world.nodes) node.boot()
  s.world.runUntil(5_000, () => false)
  s.world.nodes[0].powerOff()
  s.world.runUntil(10_000, () => false)
  for (const recorder of recorders) await recorder.close()
}

t.test('simulate --replay: a takeover with a longer deadtime -> the first difference, both ways, and the end', async t => {
  const w = world(t)
  await recordedTakeover(`${w.context.paths.stateDir}/flight`)
  const { status, out, err } = await w.run(heartbeat, 'simulate', '--replay', '--set', 'deadtime=2s')
  t.equal(status, 0, err)
  t.match(out, /Replay of beta \(generation 1\) from .*, with deadtime=2s/)
  t.match(out, /Then, as it was:\n.*Link alpha:eth0 dead/)
  t.match(out, /node alpha: is dead \(silent for \d+ ms, deadtime 500 ms\)/)
  t.match(out, /node alpha: is dead \(silent for \d+ ms, deadtime 2000 ms\)/)
  t.match(out, /group0: running then, running with the change/)
  t.match(out, /This is beta's side alone/)
  const longer = JSON.parse((await w.run(heartbeat, 'simulate', '--replay', '--set', 'deadtime=1m', '--json')).out) as object
  t.match(longer, { ok: true, node: 'beta', groups: [{ key: 'group0', then: 'running', changed: 'stopped' }] }, 'nobody would have taken over within the record')
  t.match((await w.run(heartbeat, 'simulate', '--replay', '--set', 'deadtime=500ms')).out, /No decision differs/)
  t.match((await w.run(heartbeat, 'simulate', '--replay', '--set', 'deadtime=50ms')).err, /must be longer than keepalive/)
})

t.test('simulate --replay: no record, none of ours, an empty one -> 1 with the reason', async t => {
  const w = world(t)
  const set = ['--set', 'deadtime=2s']
  t.match(await w.run(heartbeat, 'simulate', '--replay', ...set), { status: 1, err: /there is no flight record/ })
  const other = `${w.context.paths.stateDir}/other`
  fs.writeFileSync(other, 'x'.repeat(10_000))
  t.match(await w.run(heartbeat, 'simulate', '--replay', other, ...set), { status: 1, err: /holds no life of a daemon/ })
  t.match(await w.run(heartbeat, 'simulate', '--replay', w.context.paths.stateDir, ...set), { status: 1, err: /cannot be read: EISDIR/ })
})

t.test('why: the record of a daemon that is gone -> the chain, and how things stood', async t => {
  const w = world(t)
  await recordedTakeover(`${w.context.paths.stateDir}/flight`)
  const { status, out } = await w.run(heartbeat, 'why', 'group0')
  t.equal(status, 0)
  t.match(out, /group0 moved from alpha to beta on .* at .*: alpha silent on eth0 .*-> alpha declared dead .* -> running on beta; outage \d+ ms/)
  t.match(out, /not on alpha: alpha counts as dead/)
  t.match(out, /this is how things stood at/)
})
