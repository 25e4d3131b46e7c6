/** What is particular to Filesystem: whose mount it is, and how it comes off when somebody uses it. */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loopDevice } from './fixtures.js'
import { createWorld, ownScripts, skipReason, type World } from './world.js'

const mounted = (world: World): boolean => world.holds(`grep -q ' ${join(world.folder, 'mnt')} ' /proc/self/mountinfo`)

t.test('Filesystem: users by working directory and open file, one ignoring TERM -> ended, outsiders spared', { skip: skipReason }, async test => {
  const { world, args, directory } = await mountedWorld(test)
  const polite = await user(test, world, `cd ${directory}; echo ready; exec sleep 300`)
  const stubborn = await user(test, world, `trap "" TERM; exec 5>${directory}/open; echo ready; while :; do read x </dev/zero; done`)
  const outsider = await user(test, world, 'cd /; echo ready; exec sleep 300')
  const outcome = await world.run('Filesystem', args, 'stop', 4000)
  test.equal(outcome.kind, 'ok', outcome.said.join(' | '))
  test.match(outcome.said.join('\n'), /SIGTERM[^]*SIGKILL/)
  test.notOk(mounted(world))
  await Promise.all([ended(polite), ended(stubborn)])
  test.equal(outsider.exitCode ?? outsider.signalCode, null, 'who was outside goes on')
})

t.test('Filesystem: mounts below and binds elsewhere -> all come off, deepest first', { skip: skipReason }, async test => {
  const { world, args, directory } = await mountedWorld(test)
  world.inside(`mkdir -p '${directory}/a b/c'; mount -t tmpfs agt '${directory}/a b'; mkdir '${directory}/a b/d'; mount -t tmpfs agt '${directory}/a b/d'`)
  world.inside(`mkdir ${world.folder}/copy; mount --bind ${directory} ${world.folder}/copy`)
  test.equal((await world.run('Filesystem', args, 'stop')).kind, 'ok')
  test.notOk(world.holds(`grep -q ${world.folder} /proc/self/mountinfo`))
})

t.test('Filesystem: another device in our place -> unknown, start refused, stop leaves it', { skip: skipReason }, async test => {
  const world = createWorld(test, ownScripts)
  const args = [loopDevice(world, test), join(world.folder, 'mnt'), 'ext4']
  world.inside(`mount -t tmpfs agt ${args[1]}`)
  test.equal((await world.run('Filesystem', args, 'status')).kind, 'unknown')
  test.equal((await world.run('Filesystem', args, 'start')).kind, 'failed')
  test.equal((await world.run('Filesystem', args, 'stop')).kind, 'ok')
  test.ok(mounted(world))
  world.inside(`umount ${args[1]}`)
})

t.test('Filesystem: remounted read-only by an error -> unknown with the reason; stop and start mend it', { skip: skipReason }, async test => {
  const { world, args, directory } = await mountedWorld(test)
  world.inside(`mount -o remount,ro ${directory}`)
  test.match(await world.run('Filesystem', args, 'status'), { kind: 'unknown', said: [/read-only/] })
  test.equal((await world.run('Filesystem', args, 'start')).kind, 'failed')
  test.equal((await world.run('Filesystem', args, 'stop')).kind, 'ok')
  test.equal((await world.run('Filesystem', args, 'start')).kind, 'ok')
  test.equal((await world.run('Filesystem', args, 'status')).kind, 'running')
  test.equal((await world.run('Filesystem', args, 'stop')).kind, 'ok')
})

t.test('Filesystem: mounted in a container too -> stop fails, again when repeated, until the container lets go', { skip: skipReason }, async test => {
  const { world, args } = await mountedWorld(test)
  const container = await user(test, world, 'exec unshare -m --propagation private sh -c "echo ready; exec sleep 300"')
  test.match(await world.run('Filesystem', args, 'stop', 5000), { kind: 'failed', said: [/another mount namespace/] })
  test.equal((await world.run('Filesystem', args, 'stop', 5000)).kind, 'failed')
  container.kill('SIGKILL')
  await ended(container)
  test.equal((await world.run('Filesystem', args, 'stop')).kind, 'ok')
})

t.test('Filesystem: by UUID and label, in every spelling -> one and the same', { skip: skipReason }, async test => {
  const { world, args, directory } = await mountedWorld(test)
  const uuid = world.inside(`blkid -o value -s UUID ${args[0]}`).trim()
  for (const name of [`UUID=${uuid}`, `-U${uuid}`]) test.equal((await world.run('Filesystem', [name, directory], 'status')).kind, 'running', name)
  test.equal((await world.run('Filesystem', ['-U', uuid, directory, 'ext4'], 'stop')).kind, 'ok')
  test.notOk(mounted(world))
})

async function mountedWorld(test: Test): Promise<{ world: World; args: readonly string[]; directory: string }> {
  const world = createWorld(test, ownScripts)
  const directory = join(world.folder, 'mnt')
  const args = [loopDevice(world, test), directory, 'ext4']
  test.equal((await world.run('Filesystem', args, 'start')).kind, 'ok')
  mkdirSync(directory, { recursive: true })
  return { world, args, directory }
}

/** A process inside the world that is at work once it has said so; ended with the test. */
async function user(test: Test, world: World, line: string): Promise<ChildProcess> {
  const [command, ...words] = world.enter
  const child = spawn(command ?? '', [...words, '/bin/sh', '-c', line], { stdio: ['ignore', 'pipe', 'ignore'] })
  test.teardown(() => child.kill('SIGKILL'))
  await new Promise(resolve => child.stdout?.once('data', resolve))
  return child
}

/** Resolves when the process has ended; the test's own time limit bounds it. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await new Promise(resolve => child.once('exit', resolve))
}
