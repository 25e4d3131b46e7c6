/** `heartbeat why` at the terminal, with answers of a daemon of the test's making. */

import t from 'tap'
import { heartbeat } from '../../src/cli/heartbeat-program.js'
import type { WhyReport } from '../../src/control/protocol.js'
import { readNodeWhy, type NodeWhy } from '../../src/flight/why.js'
import { world } from './fake-daemon.js'

const noon = Date.UTC(2026, 0, 2, 12, 0, 0)
const own: NodeWhy = {
  node: 'ha2',
  sinceMs: noon - 1_000_000,
  groups: [
    {
      key: '10.0.0.5',
      owner: 'ha2',
      here: 'the home node cannot run it now',
      elsewhere: [{ node: 'ha1', why: 'auto_failback is off: it stays where it runs' }],
      move: { from: 'ha1', to: 'ha2', downMs: noon, runningMs: noon + 2_400, facts: [{ wallMs: noon, text: 'ha1 silent on eth0 for 500 ms' }, { wallMs: noon + 2_400, text: 'running on ha2' }] }
    },
    { key: '10.0.0.6', owner: null, here: 'no node can run it now', elsewhere: [{ node: 'ha2', why: 'failed: told to' }], move: null }
  ]
}
const peer: NodeWhy = { node: 'ha1', sinceMs: noon, groups: [{ ...(own.groups[0] as NodeWhy['groups'][number]), move: { from: 'ha1', to: 'ha2', downMs: noon, runningMs: noon + 2_405, facts: [{ wallMs: noon + 100, text: 'ha1 lost a right: its lease ran out' }] } }] }

async function asked(t: Parameters<typeof world>[0], report: WhyReport, ...args: readonly string[]): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  const w = world(t)
  await w.serve((request, reply) => (request.kind === 'why' ? reply.done({ kind: 'why', ...report }) : reply.fail('HA_CONTROL_BAD_REQUEST', '?')))
  return w.run(heartbeat, 'why', ...args)
}

t.test('why: both accounts -> one chain, the facts of both in order, and why not elsewhere', async t => {
  const { status, out } = await asked(t, { own, peer, peerTrouble: null })
  t.equal(status, 0)
  t.match(out, /^10\.0\.0\.5 moved from ha1 to ha2 on 2026-01-0\d at [\d:.]+: ha1 silent on eth0 for 500 ms -> running on ha2; outage 2\.4 s\n/)
  t.match(out, /ha2: ha1 silent on eth0.*\n.*ha1: ha1 lost a right.*\n.*ha2: running on ha2/)
  t.match(out, /runs on ha2 now: the home node cannot run it now\n +not on ha1: auto_failback is off/)
  t.match(out, /10\.0\.0\.6 has not moved since .*\n +runs nowhere: no node can run it now\n +not on ha2: failed: told to/)
})

t.test('why: one group, as words and as JSON; without the peer -> said', async t => {
  const one = await asked(t, { own, peer: null, peerTrouble: 'ha1 did not answer' }, '10.0.0.5')
  t.notMatch(one.out, /10\.0\.0\.6/)
  t.match(one.out, /The other node's record was not available: ha1 did not answer\./)
  const json = JSON.parse((await asked(t, { own, peer, peerTrouble: null }, '10.0.0.5', '--json')).out) as object
  t.match(json, { ok: true, own: { groups: [{ key: '10.0.0.5' }] }, peer: { groups: [{ key: '10.0.0.5' }] } })
})

t.test('why: unknown group, no daemon and no record, wrong usage -> status and sentence', async t => {
  t.match(await asked(t, { own, peer, peerTrouble: null }, 'nonsense'), { status: 2, err: /no such resource group: nonsense; haresources has 10\.0\.0\.5, 10\.0\.0\.6/ })
  const w = world(t)
  t.match(await w.run(heartbeat, 'why'), { status: 3, err: /no heartbeat daemon runs on this node, and there is no flight record/ })
  t.match(await w.run(heartbeat, 'why', 'a', 'b'), { status: 2 })
  t.match(await w.run(heartbeat, 'why', '--nonsense'), { status: 2 })
})

t.test("why: the peer's words -> bounded, checked, and safe for a terminal", async t => {
  const read = (value: unknown): NodeWhy | null => readNodeWhy(Buffer.from(JSON.stringify(value)))
  t.strictSame(read(own), own)
  t.equal(readNodeWhy(Buffer.from('{')), null)
  for (const wrong of [null, 1, [], {}, { ...own, node: 1 }, { ...own, sinceMs: 1e300 }, { ...own, groups: [1] }, { ...own, groups: [{ ...own.groups[0], owner: 'a b' }] }, { ...own, groups: [{ ...own.groups[0], move: { from: 1 } }] }]) t.equal(read(wrong), null, JSON.stringify(wrong))
  const evil = read({ ...own, node: 'ha1\u001b[2J', groups: [{ ...own.groups[1], here: 'x'.repeat(5_000) }] })
  t.equal(evil?.node, 'ha1?[2J')
  t.equal(evil?.groups[0]?.here.length, 1_000)
})
