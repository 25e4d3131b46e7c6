import t from 'tap'
import { clStatus } from '../../src/cli/cl-status-program.js'
import { hbStandby, hbTakeover } from '../../src/cli/hb-move-programs.js'
import { hastyClock, report, world } from './fake-daemon.js'

t.test("cl_status: a running cluster -> Linux-HA's words and exit statuses", async t => {
  const w = world(t)
  await w.serve()
  const cases: readonly [string, number, string][] = [
    ['hbstatus', 0, 'Heartbeat is running on this machine.\n'],
    ['listnodes', 0, 'ha1\nha2\n'],
    ['listnodes -n', 0, 'ha1\nha2\n'],
    ['listnodes -p', 0, ''],
    ['listnodes -m', 0, 'The nodes are as follow:\nha1\nha2\n'],
    ['listnodes -v', 0, '\nha1\tactive\t(nodetype: normal)\n\teth0\tup\n\nha2\tactive\t(nodetype: normal)\n\teth0\tup\n\teth1\tdead\n'],
    ['nodestatus ha2', 0, 'active\n'],
    ['nodestatus HA2', 0, 'active\n'],
    ['nodestatus -m ha2', 0, 'The cluster node ha2 is active\n'],
    ['nodetype ha2', 0, 'normal\n'],
    ['nodeweight ha2', 0, '100\n'],
    ['listhblinks ha2', 0, '\teth0\n\teth1\n'],
    ['listhblinks ha2 -v', 0, '\teth0\tup\n\teth1\tdead\n'],
    ['hblinkstatus ha2 eth0', 0, 'up\n'],
    ['hblinkstatus ha2 eth1', 1, 'dead\n'],
    ['hblinkstatus ha2 eth9', 13, ''],
    ['clientstatus ha2 ipfail', 1, 'offline\n'],
    ['rscstatus', 0, 'local\n'],
    ['rscstatus -m', 0, 'This node is holding local resources.\n'],
    ['hbparameter -p keepalive', 0, '100ms\n'],
    ['hbparameter -pdeadtime', 0, '500ms\n'],
    ['hbparameter -p nonsense', 1, ''],
    ['hbparameter', 11, ''],
    ['nodestatus ha9', 11, ''],
    ['nodestatus', 11, ''],
    ['nodestatus -x ha2', 11, ''],
    ['explode', 11, ''],
    ['toString', 11, '']
  ]
  for (const [line, status, out] of cases) t.match(await w.run(clStatus, ...line.split(' ')), { status, out }, line)
  t.match((await w.run(clStatus, 'explode')).err, /explode: invalid sub-command\./)
  t.match((await w.run(clStatus, 'hbstatus', '-v')).out, /^version:\t0\.1\.0\nmanaged by:\t"haresources"\n\nha1\tactive/)
  t.equal((await w.run(clStatus)).status, 0)
})

t.test('cl_status: parameter of ha.cf -> as written there', async t => {
  const w = world(t)
  w.file('ha.cf', 'keepalive 100ms\nwarntime 250ms\ndeadtime 500ms\ninitdead 5\nudpport 6940\nbcast lo\nnode ha1 ha2\n')
  await w.serve()
  t.match(await w.run(clStatus, 'hbparameter', '-p', 'udpport'), { status: 0, out: '6940\n' })
})

t.test('cl_status: dead peer, transition -> 1 and the word', async t => {
  const w = world(t)
  const nodes = report().nodes.map(node => (node.isSelf ? node : { ...node, state: 'dead' as const }))
  await w.serve((_request, reply) => reply.done({ kind: 'status', status: report({ nodes, holding: 'transition' }) }))
  t.match(await w.run(clStatus, 'nodestatus', 'ha2'), { status: 1, out: 'dead\n' })
  t.match(await w.run(clStatus, 'rscstatus'), { status: 0, out: 'transition\n' })
})

t.test('cl_status: heartbeat stopped -> 1 and the old words', async t => {
  const w = world(t)
  t.same(await w.run(clStatus, 'hbstatus'), { status: 1, out: 'Heartbeat is stopped on this machine.\n', err: '' })
  t.match(await w.run(clStatus, 'rscstatus'), { status: 1, out: '', err: /Cannot signon with heartbeat/ })
})

t.test('cl_status: daemon that does not answer -> 12', async t => {
  const w = world(t, { clock: hastyClock })
  await w.serve(() => undefined)
  t.equal((await w.run(clStatus, 'rscstatus')).status, 12)
  t.equal((await w.run(clStatus, 'hbstatus')).status, 12)
})

t.test('hb_standby, hb_takeover: words -> requests that do not wait; wrong use and no daemon -> 1', async t => {
  const w = world(t)
  t.match(await w.run(hbStandby), { status: 1, err: /no heartbeat daemon/ })
  await w.serve()
  t.match(await w.run(hbStandby), { status: 0, out: 'Going standby [all].\n' })
  t.match(await w.run(hbStandby, 'failback'), { status: 0, out: 'Going standby [foreign].\n' })
  t.match(await w.run(hbTakeover, 'local'), { status: 0, out: '' })
  t.match(await w.run(hbTakeover, 'failback'), { status: 0, out: '' })
  t.match(await w.run(hbStandby, 'some'), { status: 1, out: /wrong resources\(some\)/ })
  t.match(await w.run(hbTakeover, 'all', 'local'), { status: 1, out: /too many arguments/ })
  t.strictSame(w.asked, [
    { kind: 'standby', scope: { kind: 'all' }, wait: false },
    { kind: 'standby', scope: { kind: 'foreign' }, wait: false },
    { kind: 'takeover', scope: { kind: 'local' }, wait: false, force: false },
    { kind: 'takeover', scope: { kind: 'local' }, wait: false, force: false }
  ])
})
