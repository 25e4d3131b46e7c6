/** What is particular to floating addresses: neighbours on the interface, announcements, speed. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { projectDirectory } from '../lab/lab.js'
import { neighbouredWorld, service, until as untilTrue } from '../netwatch/world.js'
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

const noArping = skipReason || (existsSync('/usr/bin/arping') ? false : 'missing tool: arping (Debian package iputils-arping)')
const asking = { HA_PROBE: '1' }

t.test('probe: the address is in use by a stranger -> the start fails and names the hardware address; nothing is added', { skip: noArping }, async test => {
  const { stranger, strangerMac, world } = neighbouredWorld(test)
  stranger(`ip addr add ${service}/24 dev v1; ip addr add 2001:db8::5/64 dev v1 nodad`)
  await untilTrue('IPv6 to be ready', () => !/tentative/.test(world.inside('ip -6 addr show dev v0')))
  for (const spec of [`${service}/24/v0`, service, '2001:db8::5/64/v0']) {
    const outcome = await world.run('IPaddr2', [spec], 'start', 10_000, asking)
    test.equal(outcome.kind, 'failed', spec)
    test.match(outcome.said.join(), new RegExp(`in use by another machine on v0, hardware address ${strangerMac()}`))
    test.equal((await world.run('IPaddr2', [spec], 'status')).kind, 'stopped')
  }
  stranger('ip addr flush dev v1')
  test.equal((await world.run('IPaddr2', [service], 'start', 10_000, asking)).kind, 'ok', 'free again')
})

t.test('probe: nobody has the address -> a fifth of a second later than a start that does not ask', { skip: noArping }, async test => {
  const { world } = neighbouredWorld(test)
  const figures: string[] = []
  for (const variables of [{}, asking]) {
    const outcome = await world.run('IPaddr2', [`${service}/24/v0`], 'start', 10_000, variables)
    test.equal(outcome.kind, 'ok')
    figures.push(`${Math.round(outcome.durationMs)} ms`)
    test.equal((await world.run('IPaddr2', [`${service}/24/v0`], 'stop')).kind, 'ok')
  }
  test.comment(`start without and with the question: ${figures.join(', ')}`)
})

t.test('probe: not asked for, or it cannot be asked -> the start goes on', { skip: noArping }, async test => {
  const { stranger, world } = neighbouredWorld(test)
  stranger(`ip addr add ${service}/24 dev v1`)
  test.equal((await world.run('IPaddr2', [`${service}/24/v0`], 'start')).kind, 'ok', 'a takeover asks nobody')
  await world.run('IPaddr2', [`${service}/24/v0`], 'stop')
  world.inside('ip link set v0 down')
  test.equal((await world.run('IPaddr2', [`${service}/24/v0`], 'start', 10_000, asking)).kind, 'ok', 'an interface that is off: nobody can be asked')
})

t.test('probe: another card of this machine on the same wire answers -> no stranger', { skip: noArping }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside(`ip addr add ${service}/24 dev v1`)
  test.equal(world.inside(`sh ${ownScripts.scripts}/.probe.sh 4 ${service} v0 0.2; echo ended with $?`).trim(), 'ended with 0')
})

t.test('where: the interface of an address -> as a start would choose it', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  test.strictSame(world.call('IPaddr2', ['10.99.0.9', 'where']), { exitCode: 0, stdout: 'v0\n' })
  test.strictSame(world.call('IPaddr2', ['10.99.0.9/24/v1:x', 'where']), { exitCode: 0, stdout: 'v1\n' })
  test.equal(world.call('IPaddr2', ['203.0.113.9', 'where']).exitCode, 1)
})

t.test('drop: addresses whose place is known -> gone at once, the others of their subnet stay', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  world.inside('echo 0 >/proc/sys/net/ipv4/conf/v0/promote_secondaries; echo 0 >/proc/sys/net/ipv4/conf/all/promote_secondaries')
  for (const spec of ['10.55.0.5/24/v0', '10.55.0.6/24/v0', '2001:db8::5/64/v0']) await world.run('IPaddr2', [spec], 'start')
  const dropped = dropInside(world, [
    { spec: '10.55.0.5/24/v0', known: [{ address: '10.55.0.5', prefix: 24, family: 4, nic: 'v0', isPrimary: true }] },
    { spec: '2001:db8::5/64/v0', known: [{ address: '2001:db8::5', prefix: 64, family: 6, nic: 'v0', isPrimary: false }] }
  ])
  test.strictSame(dropped.troubles, [])
  test.comment(`two addresses dropped in ${dropped.tookMs} ms`)
  test.strictSame(addresses(world), ['10.55.0.6/24', '10.99.0.1/24'])
  test.equal(world.inside('cat /proc/sys/net/ipv4/conf/v0/promote_secondaries').trim(), '0', 'put back')
  test.notOk(world.holds('ip -o addr show to 2001:db8::5 | grep -q .'))
})

t.test('drop: an address that is unknown, or is elsewhere than thought -> found and removed all the same', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  await world.run('IPaddr2', ['10.55.0.5/24/v0'], 'start')
  await world.run('IPaddr2', ['10.55.0.6/25/v0'], 'start')
  const dropped = dropInside(world, [
    { spec: '10.55.0.5/24/v0', known: null },
    { spec: '10.55.0.6/25/v0', known: [{ address: '10.55.0.6', prefix: 24, family: 4, nic: 'v1', isPrimary: false }] }
  ])
  test.strictSame(dropped.troubles, [])
  test.strictSame(addresses(world), ['10.99.0.1/24'])
  test.strictSame(dropInside(world, [{ spec: '10.55.0.5/24/v0', known: null }]).troubles, [], 'what is gone already is no trouble')
})

/** dropAddresses belongs to the daemon and uses its network: so it runs in a process inside. */
function dropInside(world: World, given: readonly { readonly spec: string; readonly known: readonly object[] | null }[]): { readonly troubles: readonly string[]; readonly tookMs: number } {
  // Under the runner this file is the source; what runs inside is the build.
  const module = join(projectDirectory, 'dist/src/daemon/addresses.js')
  const list = given.map(({ spec, known }) => ({ resource: { word: spec, type: 'IPaddr2', args: [spec] }, known }))
  const context = { projectResourceDir: ownScripts.scripts, environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HA_RSCTMP: join(world.folder, 'state') } }
  const program = `const { dropAddresses } = await import('${module}')
    const began = performance.now()
    const troubles = dropAddresses(${JSON.stringify(list)}, ${JSON.stringify(context)})
    console.log(JSON.stringify({ troubles, tookMs: Math.round((performance.now() - began) * 10) / 10 }))`
  writeFileSync(join(world.folder, 'drop.mjs'), program)
  return JSON.parse(world.inside(`env -u NODE_OPTIONS ${process.execPath} ${join(world.folder, 'drop.mjs')}`)) as { troubles: string[]; tookMs: number }
}

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
