/** `heartbeat why` and the flight record, with two real daemons: who is asked, what is told, and what survives a kill. */

import t from 'tap'
import { readRecording, replay, type Life } from '../../src/flight/replay.js'
import { Cluster, group, needsLab, soonMs } from './cluster.js'

t.test('why: after a power loss of the owner -> silence, death, takeover and outage, in one chain', needsLab, async test => {
  const cluster = await Cluster.running(test)
  await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2)
  const { code, stdout } = await cluster.n2.heartbeat('why', group)
  test.equal(code, 0, stdout)
  test.match(stdout, /moved from n1 to n2 on [\d-]+ at [\d:.]+: n1 silent on .* -> running on n2; outage \d+ ms/)
  test.match(stdout, /n1 silent on eth[01] for \d+ ms.* -> .*n1 declared dead \(silent for \d+ ms, deadtime 500 ms\)/)
  test.match(stdout, /n2 starts it \(nothing proves that n1 is off/)
  test.match(stdout, /running on n2/)
  test.match(stdout, /not on n1: n1 counts as dead/)
  test.match(stdout, /The other node's record was not available: n1 is not heard now/)
})

t.test('why: after a standby -> both nodes tell their part, whichever is asked', needsLab, async test => {
  const cluster = await Cluster.running(test)
  test.equal((await cluster.n1.heartbeat('standby')).code, 0)
  for (const node of cluster.lab.nodes) {
    const { stdout } = await node.heartbeat('why')
    test.match(stdout, /moved from n1 to n2/, stdout)
    test.match(stdout, /n1: an operator asked for standby of all groups on n1/)
    test.match(stdout, /n1: n1 stops it/)
    test.match(stdout, /n2: running on n2/)
    test.notMatch(stdout, /not available/)
  }
  const json = JSON.parse((await cluster.n2.heartbeat('why', '--json')).stdout) as { ok: boolean; own: { groups: { owner: string; move: { from: string; to: string } }[] }; peer: { node: string } }
  test.match(json, { ok: true, own: { groups: [{ owner: 'n2', move: { from: 'n1', to: 'n2' } }] }, peer: { node: 'n1' } })
})

t.test('why: the daemons are stopped -> the flight record answers; a daemon killed with SIGKILL leaves all but its last second', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const pid = cluster.n2.daemonPid()
  const guard = (await cluster.n2.run(['cat', '/run/heartbeat/guard.pid'])).trim()
  test.equal((await cluster.n1.heartbeat('standby')).code, 0)
  await cluster.watch('the record is a second behind at most', () => true, 1_200)
  await cluster.n2.run(['kill', '-KILL', guard, String(pid)])
  const { code, stdout } = await cluster.n2.heartbeat('why')
  test.equal(code, 0, stdout)
  test.match(stdout, /moved from n1 to n2/)
  test.match(stdout, /no heartbeat daemon runs on this node: this is how things stood at /)
  const recording = readRecording(Buffer.from((await cluster.n2.run(['base64', '-w0', '/var/lib/heartbeat/flight'])).trim(), 'base64'))
  test.strictSame(recording.troubles, [])
  const life = recording.lives.at(-1)
  const notes = (life?.stretches ?? []).flatMap(stretch => [...replay(stretch, (life as Life).settings)].flatMap(one => one.effects.flatMap(effect => (effect.kind === 'note' ? [effect.text] : []))))
  // What the core said stands in the log as it stands in the replay.
  const log = cluster.n2.readLog()
  for (const note of notes) test.ok(log.includes(note), note)
  test.ok(notes.some(note => note.includes('is running on this node')), notes.join('\n'))
})

t.test('why: wrong usage and an unknown group -> 2 with the reason', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const unknown = await cluster.n1.heartbeat('why', 'nonsense')
  test.equal(unknown.code, 2)
  test.match(unknown.stderr, /no such resource group: nonsense; haresources has /)
  test.equal((await cluster.n1.heartbeat('why', 'a', 'b')).code, 2)
  await cluster.lab.waitFor('the flight file', async () => (await cluster.n1.run(['stat', '-c', '%s %a', '/var/lib/heartbeat/flight'])).trim() === '8388608 600', soonMs)
})

t.test('simulate: asked of running daemons -> the owner that then really takes over; the takeover, lived again', needsLab, async test => {
  const cluster = await Cluster.running(test)
  const asked = await cluster.n2.heartbeat('simulate', 'n1 dies', '--json')
  test.equal(asked.code, 0, asked.stderr)
  const foretold = JSON.parse(asked.stdout) as { groups: { key: string; before: string; after: string; outageMs: number }[] }
  test.match(foretold, { groups: [{ key: group, before: 'n1', after: 'n2' }] })
  const outageMs = foretold.groups[0]?.outageMs ?? 0
  test.ok(outageMs > 400 && outageMs < 2_000, `${outageMs} ms foretold`)
  await cluster.lab.powerOff(cluster.n1)
  await cluster.runs(cluster.n2)
  const replayed = await cluster.n2.heartbeat('simulate', '--replay', '--set', 'deadtime=5s')
  test.equal(replayed.code, 0, replayed.stderr)
  // Whether the first link dies before the node or in the same turn with it is a matter of the two last heartbeats.
  test.match(replayed.stdout, /Then, as it was:\n.*(Link n1:eth\d dead|node n1: is dead)/)
  test.match(replayed.stdout, new RegExp(`${group.replaceAll('.', '\\.')}: running then, stopped with the change`))
  const same = await cluster.n2.heartbeat('simulate', '--replay', '--set', 'auto_failback=on')
  test.match(same.stdout, /No decision differs/, same.stdout)
})
