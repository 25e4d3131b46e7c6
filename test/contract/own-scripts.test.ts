/** One ladder for every script of resource.d: reference on resource agents, section 12. */

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readStatus } from '../../src/agent/status-words.js'
import { loopDevice } from './fixtures.js'
import { projectDirectory } from '../lab/lab.js'
import { createWorld, ownScripts, skipReason, type World } from './world.js'

interface Rung {
  readonly type: string
  readonly about: string
  /** Prepares what the resource needs and returns its arguments. */
  prepare(world: World, test: Test): readonly string[]
  /** Takes the resource away behind the script's back; absent where nothing can. */
  breakIt?(world: World): void
  /** True while the resource is really there. */
  isThere?(world: World): boolean
  /** Arguments with which a start must fail, leaving nothing; with what is wrong. */
  readonly impossible?: Readonly<Record<string, readonly string[]>>
  /** How long an operation may take; 10 s. */
  readonly limitMs?: number
  /** When to kill a start and a stop on their way, for scripts that take their time. */
  readonly killAtMs?: { readonly start: readonly number[]; readonly stop: readonly number[] }
}

const address = (about: string, type: string, spec: string, ip: string): Rung => ({
  type,
  about,
  prepare: () => [spec],
  breakIt: world => world.inside(`ip addr flush to ${ip}`),
  isThere: world => world.inside(`ip -o addr show to ${ip}`) !== '',
  impossible: {
    'no such interface': [spec.includes(':') ? '2001:db8::9/64/none0' : '10.99.0.9/24/none0'],
    'no connected network': ['192.0.2.9'],
    'bad address': ['10.99.0.999'],
    'bad mask': ['10.99.0.9/33/v0'],
    'holes in the mask': ['10.99.0.9/255.0.255.0/v0'],
    'label too long': ['10.99.0.9/24/v0:averylonglabel'],
    'link-local without interface': ['fe80::9'],
    'too many arguments': ['10.99.0.9', '24']
  }
})

/** A command of the queue manager, as an administrator runs it. */
const mq = (program: string): string => `env -u NODE_OPTIONS ${process.execPath} ${join(projectDirectory, 'bin', program)}`
const queueManagerPid = '/var/mqm/sockets/LADDER/pid'
/** Its process is there, and is no zombie. */
const queueManagerLives = `grep -q '^State:.[^Z]' /proc/$(cat ${queueManagerPid})/status`

/** Until it is gone: as long as one of its threads is, it counts as running. A zombie of one thread is gone. */
const killQueueManager = `pid=$(cat ${queueManagerPid}); kill -9 $pid; timeout 10 sh -c 'while grep -Eqs "^State:.[^Z]|^Threads:.([2-9]|[1-9][0-9])" /proc/$0/status; do sleep 0.02; done' $pid`

const ladder: readonly Rung[] = [
  address('bare address', 'IPaddr', '10.99.0.5', '10.99.0.5/32'),
  address('mask and broadcast', 'IPaddr', '10.99.0.5/24/10.99.0.255', '10.99.0.5/32'),
  address('mask shorter than the base', 'IPaddr2', '10.99.0.5/16/v0', '10.99.0.5/32'),
  address('mask longer than the base, label', 'IPaddr2', '10.99.0.5/255.255.255.128/v0:web', '10.99.0.5/32'),
  address('/32', 'IPaddr2', '10.99.0.5/32/v0', '10.99.0.5/32'),
  address('IPv6', 'IPaddr2', '2001:db8::5/64/v0', '2001:db8::5/128'),
  address('IPv6 /128', 'IPv6addr', '2001:db8::5/128/v0', '2001:db8::5/128'),
  address('link-local', 'IPaddr2', 'fe80::5/64/v0', 'fe80::5/128'),
  {
    type: 'Filesystem',
    about: 'ext4 on a loop device, directory with a blank',
    prepare: (world, test) => [loopDevice(world, test), join(world.folder, 'mnt', 'with blank'), 'ext4'],
    breakIt: world => world.inside(`umount '${join(world.folder, 'mnt', 'with blank')}'`),
    isThere: world => world.holds(`grep -q 'with.040blank' /proc/self/mountinfo`),
    impossible: { 'no such device': ['/dev/agt-none', '/tmp/agt-none', 'ext4'], 'relative directory': ['/dev/agt-none', 'relative'] }
  },
  {
    type: 'Filesystem',
    about: 'bind',
    prepare: world => [join(world.folder, 'state'), join(world.folder, 'mnt', 'bound'), 'none', 'bind'],
    breakIt: world => world.inside(`umount '${join(world.folder, 'mnt', 'bound')}'`),
    isThere: world => world.holds(`grep -q mnt/bound /proc/self/mountinfo`),
    impossible: { 'no source': ['/agt-none', '/tmp/agt-none', 'none', 'bind'] }
  },
  {
    type: 'Filesystem',
    about: 'tmpfs',
    prepare: world => ['tmpfs', join(world.folder, 'mnt', 'memory'), 'tmpfs', 'size=1m'],
    breakIt: world => world.inside(`umount '${join(world.folder, 'mnt', 'memory')}'`),
    isThere: world => world.holds(`grep -q mnt/memory /proc/self/mountinfo`)
  },
  {
    type: 'SendArp',
    about: 'address on lo',
    prepare: world => {
      world.inside('ip addr add 10.98.0.1/32 dev lo')
      return ['10.98.0.1/v0']
    },
    impossible: { 'no such interface': ['10.98.0.1/none0'], 'address not here': ['10.97.0.1/v0'], 'no address': ['x/v0'] }
  },
  {
    type: 'mqseries',
    about: 'a queue manager',
    prepare: (world, test) => {
      // The whole of /var/mqm is of this world, and so is what runs in it: whatever a failure leaves is killed.
      world.inside('mount -t tmpfs agt /var; mkdir -p /var/mqm /var/run')
      world.inside(`${mq('crtmqm')} -z -lf 64 LADDER`)
      test.teardown(() => {
        if (world.holds(queueManagerLives)) world.inside(`kill -9 $(cat ${queueManagerPid})`)
      })
      return ['LADDER']
    },
    breakIt: world => world.inside(killQueueManager),
    isThere: world => world.holds(queueManagerLives),
    impossible: { 'unknown queue manager': ['NONE'], 'bad name': ["a'b"] },
    limitMs: 60_000,
    killAtMs: { start: [0, 100, 250, 500, 1000], stop: [20, 150, 300] }
  },
  { type: 'MailTo', about: 'no mail program, odd words', prepare: () => ['root@localhost,x@localhost', 'a/b % c'] },
  { type: 'Delay', about: 'short', prepare: () => ['0.05', '0.05'], impossible: { 'no number': ['abc'] } }
]

for (const rung of ladder) {
  const { type } = rung
  t.test(`${type}, ${rung.about}: the ladder`, { skip: skipReason }, async test => {
    const world = createWorld(test, ownScripts)
    const args = rung.prepare(world, test)
    const expectThere = (there: boolean): void => {
      if (rung.isThere !== undefined) test.equal(rung.isThere(world), there, there ? 'it is there' : 'it is gone')
    }
    const does = async (operation: 'start' | 'stop', what: string): Promise<void> => {
      const outcome = await world.run(type, args, operation, rung.limitMs)
      test.equal(outcome.kind, 'ok', `${what}: ok ${outcome.said.join(' | ')}`)
      expectThere(operation === 'start')
    }
    const says = async (kind: string): Promise<void> => {
      const outcome = await world.run(type, args, 'status', rung.limitMs)
      test.equal(outcome.kind, kind, `status: ${outcome.said.join(' | ')}`)
      // An older reader, which goes by the words alone, must come to the same answer.
      const { stdout } = world.call(type, [...args, 'monitor'])
      test.equal(stdout.trimEnd().split('\n').length, 1, 'one line')
      if (type.startsWith('IP') || type === 'Filesystem')
        test.equal(readStatus({ text: stdout, exitCode: outcome.exitCode, own: false }).kind, kind, 'the words agree with the exit code')
    }

    await does('stop', 'stop, never started')
    await says('stopped')
    await does('start', 'start')
    await says('running')
    await does('start', 'start again')
    await says('running')
    await does('stop', 'stop')
    await says('stopped')
    await does('stop', 'stop again')

    for (const afterMs of rung.killAtMs?.start ?? [0, 3, 6, 10, 20]) {
      await world.killDuring(type, [...args, 'start'], afterMs)
      await does('stop', `stop after a start killed at ${afterMs} ms`)
      await says('stopped')
    }
    await does('start', 'start')
    for (const afterMs of rung.killAtMs?.stop ?? [1, 4, 8]) {
      await world.killDuring(type, [...args, 'stop'], afterMs)
      await does('stop', `stop after a stop killed at ${afterMs} ms`)
      await says('stopped')
      await does('start', 'start')
    }
    if (rung.breakIt !== undefined) {
      rung.breakIt(world)
      test.not((await world.run(type, args, 'status')).kind, 'running', 'taken away behind its back: not running')
      await does('start', 'start once more')
      await says('running')
    }
    await does('stop', 'stop at the end')

    for (const [what, bad] of Object.entries(rung.impossible ?? {})) {
      const outcome = await world.run(type, bad, 'start', 2500)
      test.equal(outcome.kind, 'failed', `${what}: start fails`)
      test.ok(outcome.said.length > 0, `${what}: and says why`)
      test.not((await world.run(type, bad, 'status')).kind, 'running')
      test.equal((await world.run(type, bad, 'stop')).kind, 'ok', `${what}: stop succeeds`)
    }

    test.equal(world.call(type, [...args, 'frobnicate']).exitCode, 3, 'unknown operation: 3')
    test.not(world.call(type, []).exitCode, 0, 'no operation: usage and an error')
    test.match(world.call(type, ['usage']), { exitCode: 0, stdout: /^usage: / })
    const metaData = world.call(type, ['meta-data'])
    test.match(metaData, { exitCode: 0, stdout: /^<\?xml version/ })
    for (const action of ['start', 'stop', 'status', 'monitor']) test.match(metaData.stdout, new RegExp(`<action name="${action}" timeout="\\d+s"`))
  })
}
