/** What the host's network is, from the words of `ip`: news, photographs, and both crossing each other. */

import t from 'tap'
import { addressArgument } from '../../src/netwatch/address-argument.js'
import { canonicalAddress, HostNetwork } from '../../src/netwatch/host-network.js'
import { LineReader } from '../../src/netwatch/line-reader.js'

const linkUp = '2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default \\    link/ether 4A:9c:07:0f:21:c3 brd ff:ff:ff:ff:ff:ff link-netns x'
const linkDown = '2: eth0@if5: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state LOWERLAYERDOWN group default \\    link/ether 4a:9c:07:0f:21:c3 brd ff:ff:ff:ff:ff:ff'
const five = '2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global secondary eth0:web\\       valid_lft forever preferred_lft forever'
const fiveV6 = '2: eth0    inet6 2001:db8::5/64 scope global nodad \\       valid_lft forever preferred_lft forever'
const photograph = (addresses: readonly object[]): string =>
  JSON.stringify([{ ifindex: 2, ifname: 'eth0', flags: ['BROADCAST', 'UP', 'LOWER_UP'], operstate: 'UP', address: '4a:9c:07:0f:21:c3', addr_info: addresses }])
const fiveSeen = { family: 'inet', local: '10.0.0.5', prefixlen: 24, broadcast: '10.0.0.255', secondary: true, label: 'eth0:web' }

t.test('news: an address comes and goes -> known with all it takes to put it back', async test => {
  const network = new HostNetwork()
  test.equal(network.apply(linkUp), 'changed')
  test.equal(network.apply(five), 'changed')
  test.equal(network.apply(five), 'same')
  test.strictSame(network.find('10.0.0.5'), [{ link: 2, address: '10.0.0.5', prefix: 24, broadcast: '10.0.0.255', label: 'eth0:web', isSecondary: true }])
  test.equal(network.apply(fiveV6), 'changed')
  test.match(network.find('2001:db8::5'), [{ prefix: 64, label: '', broadcast: '' }])
  test.equal(network.apply(`Deleted ${five}`), 'changed')
  test.strictSame(network.find('10.0.0.5'), [])
  test.equal(network.apply(`Deleted ${five}`), 'same')
})

t.test('news: point-to-point and prefixless addresses -> their own address, at full length', async test => {
  const network = new HostNetwork()
  network.apply(linkUp)
  network.apply('2: eth0    inet 10.0.0.7 peer 10.0.0.8/32 scope global eth0\\       valid_lft forever')
  test.match(network.find('10.0.0.7'), [{ prefix: 32 }])
})

t.test('news: carrier, switched off, hardware address -> as the kernel has them', async test => {
  const network = new HostNetwork()
  network.apply(linkUp)
  test.match(network.linkNamed('eth0'), { isUp: true, hasCarrier: true, hasNeighbours: true, mac: '4a:9c:07:0f:21:c3' })
  test.ok(network.hasMac('4a:9c:07:0f:21:c3'))
  network.apply(linkDown)
  test.match(network.linkNamed('eth0'), { isUp: true, hasCarrier: false })
  network.apply('2: eth0: <BROADCAST,MULTICAST> mtu 1500 qdisc noqueue state DOWN group default \\    link/ether 4a:9c:07:0f:21:c3 brd ff:ff:ff:ff:ff:ff')
  test.match(network.linkNamed('eth0'), { isUp: false, hasCarrier: false })
  network.apply('2: wan: <BROADCAST,MULTICAST> mtu 1500 state DOWN \\    link/ether 4a:9c:07:0f:21:c3 brd ff:ff:ff:ff:ff:ff')
  test.equal(network.linkNamed('eth0'), null, 'renamed')
  test.not(network.linkNamed('wan'), null)
})

t.test('news: an interface deleted, an unknown interface, nonsense -> a look is asked for, nothing is believed', async test => {
  const network = new HostNetwork()
  network.apply(linkUp)
  test.equal(network.apply(`Deleted ${linkUp}`), 'look')
  test.not(network.linkNamed('eth0'), null, 'it may only have left a bridge')
  test.equal(network.apply(five.replace('2: eth0 ', '7: eth7 ')), 'look')
  for (const nonsense of ['', 'x', '2:', '2: eth0', 'Deleted', '\\', '\0', '2: eth0 inet', `${linkUp.slice(0, 30)}`]) test.equal(network.apply(nonsense), 'look', JSON.stringify(nonsense))
})

t.test('look: replaces everything; unusable output -> nothing changes and another is needed', async test => {
  const network = new HostNetwork()
  network.beginLook()
  test.ok(network.endLook(photograph([fiveSeen])))
  test.strictSame(network.find('10.0.0.5'), [{ link: 2, address: '10.0.0.5', prefix: 24, broadcast: '10.0.0.255', label: 'eth0:web', isSecondary: true }])
  for (const output of [null, '', '{', '{}', '7', 'null']) {
    network.beginLook()
    test.notOk(network.endLook(output), String(output))
    test.equal(network.find('10.0.0.5').length, 1)
  }
  network.beginLook()
  test.ok(network.endLook('[null, 7, {}, {"ifindex": 1}, {"ifindex": 3, "ifname": "eth3", "addr_info": [null, 8, {"local": 9}]}]'), 'entries of unknown shape are left out')
  test.strictSame(network.find('10.0.0.5'), [])
  test.not(network.linkNamed('eth3'), null)
})

t.test('look: news that cross a photograph -> the later of both holds, in every order', async test => {
  // The address goes while the photograph, which still has it, is on its way.
  const gone = new HostNetwork()
  gone.beginLook()
  gone.apply(`Deleted ${five}`)
  test.ok(gone.endLook(photograph([fiveSeen])))
  test.strictSame(gone.find('10.0.0.5'), [])
  // It goes and comes back; the photograph was taken between.
  const back = new HostNetwork()
  back.beginLook()
  back.apply(linkUp)
  back.apply(`Deleted ${five}`)
  back.apply(five)
  test.ok(back.endLook(photograph([])))
  test.equal(back.find('10.0.0.5').length, 1)
})

t.test('look: more news than are kept meanwhile -> another look is needed', async test => {
  const network = new HostNetwork()
  network.beginLook()
  for (let line = 0; line < 5_000; line += 1) network.apply(linkUp)
  test.notOk(network.endLook(photograph([])))
})

t.test('lines: cut anywhere -> the same lines; one that never ends -> dropped, said, and the next is whole', async test => {
  const text = `${linkUp}\n${five}\n\n${linkDown}\n`
  for (let at = 0; at <= text.length; at += 1) {
    const read: string[] = []
    const reader = new LineReader(line => read.push(line), () => test.fail('nothing is too long'))
    reader.take(Buffer.from(text.slice(0, at)))
    reader.take(Buffer.from(text.slice(at)))
    if (read.join('\n') !== text.trimEnd()) test.fail(`cut at ${at}: ${read.join('|')}`)
  }
  const read: string[] = []
  let dropped = 0
  const reader = new LineReader(line => read.push(line), () => (dropped += 1))
  for (let chunk = 0; chunk < 100; chunk += 1) reader.take(Buffer.alloc(4_096, 'x'))
  reader.take(Buffer.from('end of it\nwhole\n'))
  test.strictSame({ read, dropped }, { read: ['whole'], dropped: 1 })
})

t.test('argument: what haresources says of an address -> address and interface as the script reads them', async test => {
  const read = (spec: string, type = 'IPaddr2'): unknown => addressArgument({ type, args: [spec] })
  test.strictSame(read('10.0.0.5'), { address: '10.0.0.5', family: 4, nic: null })
  test.strictSame(read('10.0.0.5/24/eth0:0/10.0.0.255', 'IPaddr'), { address: '10.0.0.5', family: 4, nic: 'eth0' })
  test.strictSame(read('10.0.0.5/24/10.0.0.255'), { address: '10.0.0.5', family: 4, nic: null })
  test.strictSame(read('2001:0DB8:0::0005/64/eth1', 'IPv6addr'), { address: '2001:db8::5', family: 6, nic: 'eth1' })
  test.equal(read('10.0.0.5', 'Filesystem'), null)
  test.equal(read('10.0.0.500'), null)
  test.equal(addressArgument({ type: 'IPaddr', args: [] }), null)
  test.equal(canonicalAddress('eth0'), null)
})
