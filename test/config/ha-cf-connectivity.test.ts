import t from 'tap'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { parseHaCf } from '../../src/config/ha-cf.js'

const base = 'node ha1 ha2\nucast eth0 10.0.0.1\nucast eth1 10.1.0.2\nauto_failback on\n'
const parse = (lines: string) => parseHaCf({ file: 'ha.cf', text: base + lines }, { nodeName: 'ha1' })
const findings = (lines: string): readonly string[] => parse(lines).diagnostics.map(formatDiagnostic)

t.test('ping: nodes and groups of both address families -> each a target, deadping is the deadtime', async t => {
  const { cf, diagnostics } = parse('ping 10.0.0.254 2001:DB8::1\nping_group routers 10.0.0.252,10.0.0.253\ndeadtime 10\n')
  t.strictSame(diagnostics, [])
  t.equal(cf?.connectivity?.deadpingMs, 10_000)
  t.strictSame(cf?.connectivity?.targets.map(({ kind, name, addresses, position }) => [kind, name, addresses, position.line]), [
    ['node', '10.0.0.254', ['10.0.0.254'], 5],
    ['node', '2001:db8::1', ['2001:db8::1'], 5],
    ['group', 'routers', ['10.0.0.252', '10.0.0.253'], 6]
  ])
})

t.test('ping: none -> nothing is watched, and a deadping is called useless', async t => {
  t.equal(parse('').cf?.connectivity, null)
  t.match(findings('deadping 5\n'), [/^ha.cf:5:10: warning: `deadping` without ping nodes/])
})

t.test('ping6 -> read as ping', async t => t.equal(parse('ping6 2001:db8::1\n').cf?.connectivity?.targets.length, 1))

t.test('deadping: recorded for scripts, bounded below; a short deadtime alone does not shorten it beyond that', async t => {
  const { cf } = parse('ping 10.0.0.254\ndeadping 5\n')
  t.equal(cf?.connectivity?.deadpingMs, 5000)
  t.equal(cf?.recorded['deadping'], '5')
  t.match(findings('ping 10.0.0.254\ndeadping 399ms\n'), [/error: deadping 399ms is too short/])
  t.match(findings('ping 10.0.0.254\ndeadping 400ms\n'), [/warning: deadping 400ms is short/])
  t.strictSame(findings('ping 10.0.0.254\ndeadping 800ms\n'), [])
  t.equal(parse('ping 10.0.0.254\nkeepalive 10ms\ndeadtime 60ms\n').cf?.connectivity?.deadpingMs, 400)
})

t.test('ping: what is no witness -> refused or warned about at its place', async t => {
  t.match(findings('ping router\n'), [/^ha.cf:5:6: error: `router` is not an IP address; names are not looked up/])
  t.match(findings('ping 10.0.0.256\n'), [/error: `10.0.0.256` is not an IP address/])
  t.match(findings('ping fe80::1%eth0\n'), [/error: .*an address with a zone differs/])
  t.match(findings('ping fe80::1\n'), [/error: fe80::1 is a link-local address/])
  t.match(findings('ping 239.0.0.1\n'), [/error: 239.0.0.1 is a multicast address/])
  t.match(findings('ping 255.255.255.255\n'), [/error: .*the broadcast address/])
  t.match(findings('ping 0.0.0.0\n'), [/error: .*the unspecified address/])
  t.match(findings('ping 127.0.0.1\n'), [/warning: 127.0.0.1 is a loopback address/])
  t.match(findings('ping 10.1.0.2\n'), [/warning: 10.1.0.2 is a node of this cluster \(ucast on line 3\)/])
})

t.test('ping: the same address again -> one witness, with a warning, however it is spelled', async t => {
  const { cf, diagnostics } = parse('ping 2001:db8::1\nping 2001:0db8:0::0001\n')
  t.match(diagnostics.map(formatDiagnostic), [/^ha.cf:6:6: warning: ping node 2001:0db8:0::0001 is listed again \(first on line 5\)/])
  t.equal(cf?.connectivity?.targets.length, 1)
  t.match(findings('ping_group g 10.0.0.3 10.0.0.3\n'), [/warning: 10.0.0.3 stands twice in this group/])
})

t.test('ping_group: no name, no addresses, a name used twice or taken by a node -> refused', async t => {
  t.match(findings('ping_group routers\n'), [/^ha.cf:5:1: error: `ping_group` has no addresses/])
  t.match(findings('ping_group 10.0.0.3 10.0.0.4\n'), [/^ha.cf:5:12: error: `10.0.0.3` cannot be the name of a ping group; the first word is the name/])
  t.match(findings('ping_group a/b 10.0.0.4\n'), [/error: `a\/b` cannot be the name/])
  t.match(findings('ping_group g 10.0.0.3\nping_group g 10.0.0.4\n'), [/^ha.cf:6:12: error: ping group `g` is named again \(first on line 5\)/])
  t.match(findings('ping_group ha2 10.0.0.3\n'), [/error: ping group `ha2` has the name of a node/])
})

t.test('ping: more addresses than are of use -> refused', async t => {
  const many = Array.from({ length: 33 }, (_, index) => `10.2.0.${index + 1}`)
  t.strictSame(findings(`ping ${many.slice(0, 32).join(' ')}\n`), [])
  t.match(findings(`ping ${many.join(' ')}\n`), [/error: more than 32 addresses/])
})

t.test('respawn: ipfail -> happens anyway; any other program -> not started, as a warning', async t => {
  t.match(findings('respawn hacluster /usr/lib/heartbeat/ipfail\n'), [/^ha.cf:5:1: info: `ipfail` is not started, and not needed; where `ping` or `ping_group` lines are given/])
  t.match(findings('respawn hacluster /usr/lib/heartbeat/dopd\n'), [/warning: `respawn` is not acted on yet/])
  t.match(findings('respawn hacluster /usr/bin/my-ipfail\n'), [/warning: `respawn` is not acted on yet/])
})
