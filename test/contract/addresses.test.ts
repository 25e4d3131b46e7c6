/** What is particular to floating addresses: neighbours on the interface, announcements, speed. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { createWorld, ownScripts, skipReason, type World } from './world.js'

const addresses = (world: World): string[] => world.inside("ip -o -4 addr show dev v0 | awk '{ print $4 }'").trim().split('\n').sort()

t.test('address: stop of the first of a subnet -> the others stay, promote_secondaries is put back', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside('echo 0 >/proc/sys/net/ipv4/conf/v0/promote_secondaries; echo 0 >/proc/sys/net/ipv4/conf/all/promote_secondaries')
  await world.run('IPaddr2', ['10.55.0.5/24/v0'], 'start')
  await world.run('IPaddr2', ['10.55.0.50/24/v0'], 'start')
  await world.run('IPaddr2', ['10.55.0.6/24/v0'], 'start')
  test.equal((await world.run('IPaddr2', ['10.55.0.5/24/v0'], 'stop')).kind, 'ok')
  test.strictSame(addresses(world), ['10.55.0.50/24', '10.55.0.6/24', '10.99.0.1/24'])
  test.equal(world.inside('cat /proc/sys/net/ipv4/conf/v0/promote_secondaries').trim(), '0')
})

t.test('address: other spellings, dots and prefixes -> never taken for one another', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  await world.run('IPaddr2', ['10.99.0.10/24/v0'], 'start')
  test.equal((await world.run('IPaddr2', ['10.99.0.1'], 'status')).kind, 'running', 'the base address is itself')
  test.equal((await world.run('IPaddr2', ['10.9.90.10'], 'status')).kind, 'stopped')
  await world.run('IPaddr2', ['2001:db8:0:0::5/64/v0'], 'start')
  test.equal((await world.run('IPv6addr', ['2001:0DB8::0005/64/v0'], 'status')).kind, 'running')
  test.equal((await world.run('IPv6addr', ['2001:0DB8::0005/64/v0'], 'stop')).kind, 'ok')
  test.equal((await world.run('IPaddr2', ['2001:db8::5'], 'status')).kind, 'stopped')
})

t.test('address: on another interface than configured -> unknown, start refused, stop leaves it', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside('ip addr add 10.99.0.7/24 dev v1')
  test.equal((await world.run('IPaddr2', ['10.99.0.7/24/v0'], 'status')).kind, 'unknown')
  test.equal((await world.run('IPaddr2', ['10.99.0.7/24/v0'], 'start')).kind, 'failed')
  test.equal((await world.run('IPaddr2', ['10.99.0.7/24/v0'], 'stop')).kind, 'ok')
  test.ok(world.holds('ip -o addr show dev v1 | grep -q 10.99.0.7/24'))
})

t.test('address: two interfaces in one network, none named -> refused; the default route is never used', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside('ip addr add 10.99.0.2/24 dev v1; ip route add default via 10.99.0.254')
  test.match(await world.run('IPaddr2', ['10.99.0.9'], 'start'), { kind: 'failed', said: [/name the interface/] })
  test.match(await world.run('IPaddr2', ['203.0.113.9'], 'start'), { kind: 'failed', said: [/no interface here is directly connected/] })
})

t.test('address: interface vanishes -> stopped, and stop succeeds', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside('ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up')
  test.equal((await world.run('IPaddr2', ['10.44.0.5/24/d0'], 'start')).kind, 'ok')
  world.inside('ip link del d0')
  test.equal((await world.run('IPaddr2', ['10.44.0.5/24/d0'], 'status')).kind, 'stopped')
  test.equal((await world.run('IPaddr2', ['10.44.0.5/24/d0'], 'stop')).kind, 'ok')
})

t.test('address: refused by the network (dadfailed) -> not running; start adds it again', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside('ip addr add 2001:db8::7/64 dev v1 nodad; ip addr add 2001:db8::7/64 dev v0')
  await until(() => world.holds('ip -o addr show dev v0 | grep -q dadfailed'))
  test.equal((await world.run('IPaddr2', ['2001:db8::7/64/v0'], 'status')).kind, 'stopped')
  world.inside('ip addr del 2001:db8::7/64 dev v1') // the other host lets go
  test.equal((await world.run('IPaddr2', ['2001:db8::7/64/v0'], 'start')).kind, 'ok')
  test.equal((await world.run('IPaddr2', ['2001:db8::7/64/v0'], 'status')).kind, 'running')
})

t.test('announcer: lives in a session of its own, ends with stop and with the address', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  const pidOf = (address: string): number => Number(readFileSync(join(world.folder, 'state', `announcer-${address}`), 'utf8').split(' ')[0])
  await world.run('IPaddr2', ['10.99.0.5/24/v0'], 'start')
  const first = pidOf('10.99.0.5')
  test.ok(isAlive(first))
  await world.run('IPaddr2', ['10.99.0.5/24/v0'], 'stop')
  test.notOk(isAlive(first), 'ended by stop')

  await world.run('IPaddr2', ['10.99.0.6/24/v0'], 'start')
  const second = pidOf('10.99.0.6')
  world.inside('ip addr del 10.99.0.6/24 dev v0')
  await until(() => !isAlive(second))
  test.pass('ended by itself when the address had gone')
  test.equal((await world.run('IPaddr2', ['10.99.0.6/24/v0'], 'announce')).kind, 'failed', 'an address that is not here is not announced')
})

const noTcpdump = skipReason || (existsSync('/usr/bin/tcpdump') ? false : 'missing tool: tcpdump (Debian package tcpdump)')

t.test('announcer: the wire hears both forms of gratuitous ARP at once, and neighbour advertisements', { skip: noTcpdump }, async test => {
  const world = createWorld(test, ownScripts)
  const trace = join(world.folder, 'trace')
  world.inside(`timeout 10 tcpdump -U -lni v1 'arp or (icmp6 and ip6[40] == 136)' >${trace} 2>${trace}.err & while ! grep -q listening ${trace}.err; do sleep 0.01; done`)
  const seen = (pattern: RegExp): number => readFileSync(trace, 'utf8').split('\n').filter(line => pattern.test(line)).length
  await world.run('IPaddr2', ['10.99.0.5/24/v0'], 'start')
  await until(() => seen(/Request who-has 10\.99\.0\.5 .*tell 10\.99\.0\.5/) >= 4 && seen(/Reply 10\.99\.0\.5 is-at/) >= 4)
  await world.run('IPaddr2', ['10.99.0.5/24/v0'], 'stop')
  await world.run('IPaddr2', ['2001:db8::5/64/v0'], 'start')
  await until(() => seen(/ff02::1: ICMP6, neighbor advertisement, tgt is 2001:db8::5/) >= 3)
  test.pass('heard')
})

function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH' || (error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > end) throw new Error('the condition did not come true within 10 s')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
