/** The network watch on real interfaces with a neighbour: what is put back, what is reported, what is announced. */

import { existsSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { skipReason } from '../contract/world.js'
import { service, until, watchedHost, type WatchedHost } from './world.js'

const isHere = (host: WatchedHost, address = service): boolean => host.world.inside(`ip -o addr show to ${address}`) !== ''
const tookMs = (note: string): number => Number(/after (\d+) ms/.exec(note)?.[1])
const needs = (tool: string, debianPackage: string): string | false => skipReason || (existsSync(`/usr/bin/${tool}`) || existsSync(`/usr/sbin/${tool}`) ? false : `missing tool: ${tool} (Debian package ${debianPackage})`)
const arping = needs('arping', 'iputils-arping')
const tcpdump = arping || needs('tcpdump', 'tcpdump')

t.test('guard: an expected address is flushed -> put back as it was, announced, reported once', { skip: tcpdump }, async test => {
  const host = watchedHost(test, ['10.99.0.5/24/v0:web'], { listen: 'arp' })
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  const before = host.world.inside(`ip -o addr show to ${service}`).replace(/ secondary/, '')
  host.world.inside('ip addr flush dev v0')
  const note = await host.noted(/10\.99\.0\.5 vanished from v0/)
  test.equal(host.world.inside(`ip -o addr show to ${service}`), before, 'label and broadcast address, too')
  await host.heard(/Reply 10\.99\.0\.5 is-at/, 6)
  test.equal(host.notes.length, 1, note)
  test.strictSame(host.watch.troubles(), [])
  test.comment(`put back after ${tookMs(note)} ms`)
})

t.test('guard: twenty flushes in a row -> back each time; from the sixth on said together', { skip: arping }, async test => {
  const host = watchedHost(test)
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  const figures: number[] = []
  for (let flush = 1; flush <= 20; flush += 1) {
    host.world.inside('ip addr flush dev v0')
    const flushed = performance.now()
    await until(`flush ${flush} to be mended`, () => isHere(host))
    figures.push(Math.round(performance.now() - flushed))
    if (flush <= 5) await host.noted(/10\.99\.0\.5 vanished from v0/, flush)
  }
  await host.noted(/Something keeps removing 10\.99\.0\.5 from v0/)
  test.match(host.notes.slice(0, 5), Array(5).fill({ text: /vanished/ }))
  test.equal(host.notes.length, 6, JSON.stringify(host.notes))
  test.match(host.watch.troubles(), [/something keeps removing 10\.99\.0\.5/])
  test.comment(`seen back after ${figures.join(', ')} ms; a look takes some milliseconds itself`)
})

t.test('guard: both families are flushed at once -> both are back', { skip: arping }, async test => {
  const host = watchedHost(test, [`${service}/24/v0`, '2001:0DB8::0005/64/v0'])
  await host.start(0)
  await host.start(1)
  await until('both to be known', () => host.watch.locate(0, 0) !== null && host.watch.locate(0, 1) !== null)
  host.world.inside('ip addr flush dev v0')
  await host.noted(/10\.99\.0\.5 vanished/)
  await host.noted(/2001:db8::5 vanished/)
  test.ok(isHere(host) && isHere(host, '2001:db8::5'))
})

t.test('guard: a stop, even one in the midst of a repair -> nothing is put back', { skip: arping }, async test => {
  const host = watchedHost(test)
  for (let round = 0; round < 5; round += 1) {
    await host.start()
    await until('the address to be known', () => host.watch.locate(0, 0) !== null)
    host.world.inside('ip addr flush dev v0 label v0; ip addr add 10.99.0.1/24 dev v0')
    // Every round the stop meets the repair at another place.
    for (let turn = 0; turn < round; turn += 1) await new Promise(resolve => setImmediate(resolve))
    await host.stop()
    test.notOk(isHere(host), `round ${round}`)
  }
  await until('the watch to see it', () => host.watch.locate(0, 0) === null)
  test.notOk(host.notes.some(note => note.level === 'error'))
})

t.test('guard: the interface is switched off and on -> the IPv6 address that went with it is back', { skip: arping }, async test => {
  const host = watchedHost(test, ['2001:db8::5/64/v0'])
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  host.world.inside('ip link set v0 down')
  await until('the carrier to be told', () => host.carrier.length === 1)
  host.world.inside('ip link set v0 up')
  await host.noted(/2001:db8::5 vanished from v0/)
  await until('the carrier to be told', () => host.carrier.at(-1) === null)
  test.equal(host.carrier[0], 'v0 is switched off')
})

t.test('guard: an address that cannot be put back -> one error, shown, tried again until it can', { skip: arping }, async test => {
  const host = watchedHost(test, ['2001:db8::5/64/v0'])
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  host.world.inside('echo 1 >/proc/sys/net/ipv6/conf/v0/disable_ipv6')
  await host.noted(/2001:db8::5 is gone from v0 and could not be put back/)
  test.match(host.watch.troubles(), [/could not be put back/])
  host.world.inside('echo 0 >/proc/sys/net/ipv6/conf/v0/disable_ipv6')
  await host.noted(/2001:db8::5 vanished from v0/)
  test.equal(host.notes.filter(note => note.level === 'error').length, 1)
  test.strictSame(host.watch.troubles(), [])
})

t.test('guard: somebody adds the address of a group that does not run here -> reported, and when it goes', { skip: skipReason }, async test => {
  const host = watchedHost(test)
  host.watch.ended(0, 0, 'status', 'stopped')
  host.world.inside(`ip addr add ${service}/24 dev v0`)
  await host.noted(/10\.99\.0\.5 is on v0 although its group does not run here/)
  test.match(host.watch.troubles(), [/although its group does not run here/])
  host.world.inside(`ip addr del ${service}/24 dev v0`)
  await host.noted(/10\.99\.0\.5 is gone from v0 again/)
  test.strictSame(host.watch.troubles(), [])
})

t.test('carrier: the cable is pulled and plugged -> told each time, for the interface of the route as for a named one', { skip: skipReason }, async test => {
  for (const spec of [`${service}/24/v0`, service]) {
    const host = watchedHost(test, [spec])
    host.watch.ended(0, 0, 'status', 'stopped')
    await until('the interface to be known', () => host.watch.nicsOf(0).join() === 'v0')
    host.stranger('ip link set v1 down')
    await until('the loss', () => host.carrier.length === 1)
    host.stranger('ip link set v1 up')
    await until('the return', () => host.carrier.length === 2)
    test.strictSame(host.carrier, ['v0 has no carrier', null], spec)
  }
})

t.test('carrier: back for a moment only -> not told; back for good -> told once', { skip: skipReason }, async test => {
  const host = watchedHost(test)
  host.stranger('ip link set v1 down')
  await until('the loss', () => host.carrier.length === 1)
  for (let flap = 0; flap < 5; flap += 1) host.stranger('ip link set v1 up; sleep 0.05; ip link set v1 down')
  host.stranger('ip link set v1 up')
  await until('the return', () => host.carrier.length >= 2)
  test.strictSame(host.carrier, ['v0 has no carrier', null])
})

t.test('carrier: lost before the watch began -> told at once', { skip: skipReason }, async test => {
  const host = watchedHost(test, [`${service}/24/v2`], { prepare: world => world.inside('ip link add v2 type veth peer name v3; ip link set v2 up; ip addr add 10.98.0.1/24 dev v2') })
  await until('the loss', () => host.carrier.length === 1)
  test.strictSame(host.carrier, ['v2 has no carrier'])
})

t.test('carrier: an interface that was never there, or is switched on by the group -> no reason against a start', { skip: skipReason }, async test => {
  const host = watchedHost(test, [`${service}/24/vlan7`, '10.98.0.5/24/v2'], { prepare: world => world.inside('ip link add v2 type veth peer name v3') })
  host.watch.ended(0, 0, 'status', 'stopped')
  host.watch.ended(0, 1, 'status', 'stopped')
  await until('the interfaces to be looked at', () => host.watch.looks >= 2)
  test.strictSame(host.carrier, [])
})

t.test('carrier: the interface of a running group vanishes -> told', { skip: arping }, async test => {
  const host = watchedHost(test)
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  host.world.inside('ip link del v0')
  await until('the loss', () => host.carrier.at(-1) === 'v0 is gone', () => host.carrier.join())
  test.strictSame(host.notes, [])
})

t.test('duplicate: a stranger has the address -> reported within the first second with its hardware address, and when it lets go', { skip: arping }, async test => {
  const host = watchedHost(test, [`${service}/24/v0`, '2001:db8::5/64/v0'])
  host.stranger(`ip addr add 10.99.0.9/24 dev v1; ip addr add ${service}/24 dev v1; ip addr add 2001:db8::5/64 dev v1 nodad`)
  host.world.inside('ping -c 1 -W 1 10.99.0.9 >/dev/null || true')
  await until('IPv6 to be ready', () => !/tentative/.test(host.world.inside('ip -6 addr show dev v0')))
  await host.start(0)
  await host.start(1)
  const note = await host.noted(/10\.99\.0\.5 is also used by/)
  test.match(note, host.strangerMac())
  test.match(note, /this host knows it as 10\.99\.0\.9/)
  await host.noted(/2001:db8::5 is also used by/)
  test.match(host.watch.troubles(), [/10\.99\.0\.5 is also used by/, /2001:db8::5 is also used by/])
  host.stranger('ip addr flush dev v1')
  await host.noted(/10\.99\.0\.5 is used by nobody else any more/)
  await host.noted(/2001:db8::5 is used by nobody else any more/)
  test.strictSame(host.watch.troubles(), [])
})

t.test('duplicate: it appears later -> found when the core asks, as after a healed partition', { skip: arping }, async test => {
  const host = watchedHost(test)
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  host.stranger(`ip addr add ${service}/24 dev v1`)
  host.watch.check(0)
  test.match(await host.noted(/is also used by/), host.strangerMac())
})

t.test('refresh: an address that is held -> announced again in both forms, and asked for', { skip: tcpdump }, async test => {
  const host = watchedHost(test, undefined, { listen: 'arp' })
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  // The announcer of the start falls silent after five seconds; what comes later is the slow refresh.
  await host.heard(/Request who-has 10\.99\.0\.5 .*tell 10\.99\.0\.5/, 9)
  await host.heard(/Reply 10\.99\.0\.5 is-at/, 9)
  await host.heard(/Request who-has 10\.99\.0\.5 .*tell 0\.0\.0\.0/, 2)
  test.strictSame(host.notes, [])
})

t.test('monitor: killed while the address is flushed -> another one watches, and the address is back', { skip: arping }, async test => {
  const host = watchedHost(test)
  await host.start()
  await until('the address to be known', () => host.watch.locate(0, 0) !== null)
  for (let round = 1; round <= 3; round += 1) {
    const pid = host.watch.monitorPid
    if (pid === null) throw new Error('no monitor')
    process.kill(pid, 'SIGKILL')
    host.world.inside('ip addr flush dev v0')
    await host.noted(/10\.99\.0\.5 vanished from v0/, round)
    await until('another monitor', () => host.watch.monitorPid !== null && host.watch.monitorPid !== pid)
    test.ok(isHere(host), `round ${round}`)
  }
  test.match(await host.noted(/ip monitor ended with SIGKILL/), /started again/)
})
