/** Debian's own R1 scripts (packages heartbeat and resource-agents), unmodified, through our runner. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loopDevice } from './fixtures.js'
import { createWorld, debianScripts, skipDebian, type World } from './world.js'

interface Foreign {
  readonly type: string
  prepare(world: World, test: Test): readonly string[]
  isThere(world: World): boolean
  /** What the script itself needs besides the packages, when that is missing. */
  missing?(): string | false
}

const scripts: readonly Foreign[] = [
  { type: 'IPaddr2', prepare: () => ['10.99.0.5/24/v0'], isThere: world => world.inside('ip -o addr show to 10.99.0.5/32') !== '' },
  {
    type: 'IPaddr',
    prepare: () => ['10.99.0.6/24/v0'],
    isThere: world => world.inside('ip -o addr show to 10.99.0.6/32') !== '',
    missing: () => (existsSync('/sbin/ifconfig') ? false : 'net-tools is not installed')
  },
  {
    type: 'Filesystem',
    prepare: (world, test) => [loopDevice(world, test), join(world.folder, 'mnt'), 'ext4'],
    isThere: world => world.holds(`grep -q '${join(world.folder, 'mnt')}' /proc/self/mountinfo`),
    missing: () => (existsSync('/sbin/modprobe') ? false : 'missing tool: modprobe (Debian package kmod), without which this script refuses to work')
  },
  {
    type: 'MailTo',
    // The script fails without a mail program; one that swallows everything stands in for it, in this world alone.
    prepare: world => {
      world.inside('mount -t tmpfs agt /usr/local/bin; for name in mail mailx; do ln -s /bin/true /usr/local/bin/$name; done')
      return ['root@localhost']
    },
    isThere: () => true
  }
]

for (const script of scripts) {
  const { type } = script
  const skip = skipDebian(type) || (script.missing?.() ?? false)
  t.test(`Debian's ${type}: status, start, status, stop, status -> read as they are meant`, { skip }, async test => {
    const world = createWorld(test, debianScripts)
    const args = script.prepare(world, test)
    const expect = async (operation: 'start' | 'stop' | 'status', kind: string): Promise<void> => {
      const outcome = await world.run(type, args, operation, 20_000)
      test.equal(outcome.kind, kind, `${operation} ${Math.round(outcome.durationMs)} ms: ${outcome.said.join(' | ')}`)
    }
    await expect('status', 'stopped')
    await expect('start', 'ok')
    test.ok(script.isThere(world), 'it is there')
    await expect('status', 'running')
    await expect('start', 'ok')
    await expect('stop', 'ok')
    if (type !== 'MailTo') test.notOk(script.isThere(world), 'it is gone')
    await expect('status', 'stopped')
    await expect('stop', 'ok')
  })
}
