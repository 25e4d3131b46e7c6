import t from 'tap'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkReport, hostFindings, noFencingNotice } from '../../src/cli/check.js'
import { stolenShareOf, type HostFacts, type Subnet } from '../../src/cli/host-facts.js'
import { parseIp } from '../../src/config/address.js'
import { formatDiagnostic, parseConfiguration } from '../../src/config/configuration.js'
import { loadConfiguration, ownNodeName } from '../../src/daemon/load-configuration.js'

const subnet = (nic: string, address: string, prefix: number): Subnet => {
  const ip = parseIp(address)
  if (ip === null) throw new Error(address)
  return { nic, address: ip, prefix, own: address }
}
const nic = (name: string, changes = {}) => ({ name, isUp: true, hasBroadcast: true, isLoopback: false, ...changes })

/** A host on which everything is as it should be. */
const healthy: HostFacts = {
  interfaces: [nic('lo', { isLoopback: true, hasBroadcast: false }), nic('eth0'), nic('eth1')],
  subnets: [subnet('eth0', '192.168.1.1', 24), subnet('eth1', '10.0.0.1', 24), subnet('eth0', '2001:db8::1', 64)],
  scripts: new Map(['IPaddr', 'IPaddr2', 'Filesystem', 'apache'].map(type => [type, { path: `/etc/ha.d/resource.d/${type}`, style: 'r1' as const, own: false }])),
  searchPath: ['/etc/ha.d/resource.d', '/etc/init.d'],
  scriptNames: ['IPaddr', 'IPaddr2', 'Filesystem', 'apache'],
  programs: new Set(['ip', 'arping', 'mount', 'umount', 'fuser', 'flock', 'chrt']),
  ports: new Map([[694, 'free']]),
  isDaemonRunning: false,
  stolenShare: 0
}

const configuration = (cf: string, haresources: string) => {
  const result = parseConfiguration(
    {
      haCf: { file: 'ha.cf', text: `node ha1 ha2\nauto_failback off\n${cf}` },
      haresources: { file: 'haresources', text: haresources },
      authkeys: { file: 'authkeys', text: 'auth 1\n1 sha1 0123456789abcdef\n', mode: 0o600, ownerUid: 0 }
    },
    { nodeName: 'ha1', uid: 0 }
  )
  if (!result.ok) throw new Error(result.diagnostics.map(formatDiagnostic).join('\n'))
  return result.configuration
}
const links = 'bcast eth0\nucast eth1 10.0.0.1\nucast eth1 10.0.0.2\n'
const check = (given: { cf?: string; haresources?: string; facts?: Partial<HostFacts> }): readonly string[] =>
  hostFindings(configuration(given.cf ?? links, given.haresources ?? 'ha1 192.168.1.10/24/eth0 Filesystem::/dev/sdb1::/data apache\n'), { ...healthy, ...given.facts }).map(formatDiagnostic)

/** The finding, when there is exactly one. */
const only = (found: readonly string[]): string => (found.length === 1 ? found[0] ?? '' : `${found.length} findings: ${found.join('\n')}`)

t.test('check: a host where all is well -> nothing to say', async t => {
  t.strictSame(check({}), [])
  t.strictSame(check({ haresources: 'ha1 192.168.1.10 IPaddr2::2001:db8::10\n' }), [])
})

t.test('check: scripts -> missing ones get the nearest name, init scripts take no arguments', async t => {
  t.match(only(check({ haresources: 'ha1 Filesytem::/dev/sdb1::/data\n' })), /^haresources:1:5: error: no script `Filesytem`;.*did you mean `Filesystem`\?/)
  t.match(only(check({ haresources: 'ha1 apache::x\n', facts: { scripts: new Map([['apache', { path: '/etc/init.d/apache', style: 'lsb', own: false }]]) } })), /warning: \/etc\/init.d\/apache is an init script, but has arguments/)
})

t.test('check: interfaces -> missing, down, without address, without broadcast', async t => {
  t.match(only(check({ cf: 'bcast eth0 eht1\n' })), /^ha.cf:3:1: error: this host has no interface `eht1`;.*did you mean `eth1`\?/)
  t.match(only(check({ facts: { interfaces: [nic('eth0', { isUp: false }), nic('eth1')] } })), /^ha.cf:3:1: warning: eth0 is down/)
  t.match(only(check({ cf: 'bcast eth0 eth2\n', facts: { interfaces: [nic('eth0'), nic('eth2')] } })), /warning: eth2 has no IPv4 address/)
  t.match(only(check({ cf: 'bcast eth0 eth1\n', facts: { interfaces: [nic('eth0'), nic('eth1', { hasBroadcast: false })] } })), /error: eth1 cannot broadcast/)
  t.strictSame(check({ facts: { interfaces: null, subnets: [] } }), [], 'nothing is guessed when `ip` cannot tell')
})

t.test('check: peers and links -> reachable on the link itself, each link in a network of its own', async t => {
  t.match(only(check({ cf: 'bcast eth0\nucast eth1 172.16.0.2\n' })), /^ha.cf:4:1: warning: 172.16.0.2 is not in a network of eth1; .*through a router/)
  t.match(only(check({ cf: 'bcast eth0\nucast eth1 192.168.1.2\n' })), /its network is on eth0.*write `ucast eth0 192.168.1.2`/)
  t.match(check({ cf: 'ucast eth1 10.0.0.1\n' }).at(-1), /error: every `ucast` address is one of this host/)
  t.match(only(check({ cf: 'bcast eth0 eth1\n', facts: { subnets: [subnet('eth0', '192.168.1.1', 24), subnet('eth1', '192.168.1.2', 24)] }, haresources: 'ha1 192.168.1.10/24/eth0\n' })), /warning: eth1 and eth0 \(line 3\) are in the same network/)
})

t.test('check: floating addresses -> in a connected network, on one interface, not set up already', async t => {
  t.match(only(check({ haresources: 'ha1 172.16.0.10\n' })), /^haresources:1:5: error: 172.16.0.10 is in no network of this host/)
  t.match(only(check({ haresources: 'ha1 172.16.0.10/24/eth0\n' })), /warning: 172.16.0.10 is in no network of this host/)
  t.match(only(check({ haresources: 'ha1 192.168.1.10/24/eht0\n' })), /error: this host has no interface `eht0`.*did you mean `eth0`/)
  t.match(only(check({ haresources: 'ha1 192.168.1.10/24/eth1\n' })), /warning: the network of 192.168.1.10 is on eth0, not on eth1/)
  t.match(only(check({ haresources: 'ha1 192.168.1.10/16/eth0\n' })), /warning: the mask of 192.168.1.10 is 16 here, but 24 on eth0/)
  t.match(only(check({ haresources: 'ha1 192.168.1.1/24/eth0\n' })), /warning: 192.168.1.1 is on eth0 already, and heartbeat does not run/)
  t.strictSame(check({ haresources: 'ha1 192.168.1.1/24/eth0\n', facts: { isDaemonRunning: true, ports: new Map() } }), [])
  const twice = [...healthy.subnets, subnet('eth1', '192.168.1.3', 24)]
  t.match(check({ haresources: 'ha1 192.168.1.10\n', facts: { subnets: twice } }).find(line => line.startsWith('haresources')), /error: the network of 192.168.1.10 is on eth0 and eth1/)
})

t.test('check: port, programs and timing', async t => {
  t.match(only(check({ facts: { ports: new Map([[694, 'taken']]) } })), /^ha.cf:3:1: error: UDP port 694 is taken/)
  t.match(only(check({ facts: { ports: new Map([[694, 'not-permitted']]) } })), /info: whether UDP port 694 is free was not checked/)
  for (const [program, severity, place] of [['ip', 'error', 'haresources:1:5'], ['arping', 'warning', 'haresources:1:5'], ['mount', 'error', 'haresources:1:26'], ['umount', 'error', 'haresources:1:26'], ['fuser', 'warning', 'haresources:1:26'], ['flock', 'warning', 'ha.cf:1:1'], ['chrt', 'warning', 'ha.cf:1:1']] as const) {
    const programs = new Set([...healthy.programs].filter(name => name !== program))
    t.match(only(check({ facts: { programs } })), `${place}: ${severity}: the program \`${program}\` is missing`)
  }
  t.strictSame(check({ facts: { programs: new Set() }, haresources: 'ha1 apache\n', cf: `${links}realtime off\n` }).map(line => /program `(\w+)`/.exec(line)?.[1]), ['ip', 'flock'])
  t.strictSame(check({ cf: `${links}realtime off\ndeadtime 1\nkeepalive 100ms\n` }), [])
  t.match(only(check({ cf: `${links}realtime off\ndeadtime 999ms\nkeepalive 100ms\n` })), /warning: realtime is off and deadtime is 999ms/)
  const fast = `${links}deadtime 199ms\nkeepalive 20ms\n`
  t.match(only(check({ cf: fast, facts: { stolenShare: 0.0034 } })), /^ha.cf:1:1: warning: deadtime is 199ms, and the host of this virtual machine has withheld 0.3 % of its processor time.*write `deadtime 200ms` or longer/)
  t.strictSame([...check({ cf: fast, facts: { stolenShare: 0.0009 } }), ...check({ cf: fast, facts: { stolenShare: null } }), ...check({ cf: `${links}deadtime 200ms\nkeepalive 20ms\n`, facts: { stolenShare: 0.5 } })], [])
  t.strictSame(check({ cf: `${links}initdead 300\n` }), [])
  t.match(only(check({ cf: `${links}initdead 300.001\n` })), /warning: initdead is 300001ms/)
})

t.test('check: the share of processor time that a host withheld is read from /proc/stat', async t => {
  t.equal(stolenShareOf('cpu  100 0 50 800 10 0 20 20 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n'), 0.02)
  t.equal(stolenShareOf(''), null)
})

const goodFiles = { 'ha.cf': 'node ha1 ha2\nbcast lo\nauto_failback off\n', haresources: '', authkeys: 'auth 1\n1 sha1 0123456789abcdef\n', nodeinfo: 'HA1\n' }

t.test('load: missing, oversized and strange files -> findings at 1:1 of each, never a rejection', async t => {
  const load = async (directory: string) => (await loadConfiguration(directory)).diagnostics.map(formatDiagnostic)
  const empty = t.testdir({})
  t.match(await load(join(empty, 'none')), [/ha.cf:1:1: error: the file does not exist.*heartbeat init/, /haresources:1:1: error: the file does not exist/, /authkeys:1:1: error: the file does not exist.*keygen/])
  const strange = t.testdir({ 'ha.cf': {}, haresources: '#'.repeat(256 * 1024 + 1), authkeys: 'auth 1\n' })
  t.match(await load(strange), [/ha.cf:1:1: error: this is not a plain file/, /haresources:1:1: error: the file has 262145 bytes/, /authkeys:1:1: error: the mode is/])
})

t.test('load: good files -> the configuration; the mode of authkeys is looked at; nodeinfo names the node', async t => {
  const directory = t.testdir(goodFiles)
  chmodSync(join(directory, 'authkeys'), 0o600)
  t.equal(await ownNodeName(directory), 'ha1')
  t.equal((await loadConfiguration(directory)).ok, true)
  t.match((await loadConfiguration(directory, { nodeName: 'ha3' })).diagnostics.map(formatDiagnostic).join('\n'), /this node `ha3` is not listed/)
  chmodSync(join(directory, 'authkeys'), 0o640)
  t.match((await loadConfiguration(directory)).diagnostics.map(formatDiagnostic).join('\n'), /the mode is 640/)
})

t.test('check: the whole report on this host -> says that takeover has no proof, and a summary', async t => {
  const directory = t.testdir(goodFiles)
  chmodSync(join(directory, 'authkeys'), 0o600)
  const environment = { HA_DIR: directory, HA_RUN_DIR: join(directory, 'run') }
  writeFileSync(join(directory, 'haresources'), 'ha1 no-such-script-anywhere\n')
  const bad = await checkReport(environment)
  t.equal(bad.ok, false)
  t.strictSame(bad.notices, [noFencingNotice])
  t.match(bad.diagnostics.map(formatDiagnostic).join('\n'), /no script `no-such-script-anywhere`/)
  t.match(bad.summary, /^configuration in .* is not valid: \d error/)
  writeFileSync(join(directory, 'ha.cf'), 'node ha1 ha2\nudpport 40694\nucast lo 127.0.0.2\nauto_failback off\n')
  writeFileSync(join(directory, 'haresources'), '')
  const good = await checkReport(environment)
  t.match(good.summary, /^configuration is valid: 2 nodes, 0 groups, 1 medium, \d warning/)
})
