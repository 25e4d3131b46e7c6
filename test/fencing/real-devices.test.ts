/** Against Debian's own programs: cluster-glue's `stonith` and a real fence agent. */

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { stonithProgram } from '../../src/fencing/fencing.js'
import { bench, until, wordsOf } from './bench.js'

const noStonith = existsSync(stonithProgram) ? false : 'missing tool: stonith (Debian package cluster-glue)'
const noDummy = existsSync('/usr/sbin/fence_dummy') ? false : 'missing tool: fence_dummy (Debian package fence-agents)'
const noNamespace = noStonith || (spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'mounting over the folder of plug-ins needs root')

t.test('stonith null: the victim among its hosts -> reset, said to be unverified', { skip: noStonith }, async t => {
  const { fence, fencing, prove } = bench(t, ['stonith_host * null ha1 ha2', 'fence_action reset'])
  t.equal(fencing.description, 'null ***')
  t.match(await fence(), { kind: 'fenced', device: 'null *** (reset, as it reports; cluster-glue cannot verify it)' })
  t.match(await prove(), { kind: 'proven', said: ['null ***: answers, and has ha2 among its hosts'] })
})

t.test('stonith null: named parameters and a file of parameters -> as by position', { skip: noStonith }, async t => {
  t.equal((await bench(t, ['stonith_host * null hostlist=ha2']).fence()).kind, 'fenced')
  const path = join(t.testdir({ null: '# a comment\nha1 ha2\n' }), 'null')
  const { fence } = bench(t, [`stonith null ${path}`])
  writeFileSync(path, '# a comment\nha1 ha2\n') // the bench made the folder anew
  t.equal((await fence()).kind, 'fenced')
})

t.test('stonith null: the victim not among its hosts -> failed, although the plug-in reports success for any host', { skip: noStonith }, async t => {
  t.equal(spawnSync(stonithProgram, ['-t', 'null', 'hostlist=ha1 ha3', '-T', 'off', 'ha2']).status, 0, 'this is why the list is asked')
  const { fence, prove } = bench(t, ['stonith_host * null ha1 ha3'])
  t.match(wordsOf(await fence()), 'level 1, null ***: ha2 is not among its hosts')
  t.match(await prove(), { kind: 'unproven', said: ['null ***: ha2 is not among its hosts'] })
})

t.test('stonith: as in old files a device for each node, all with `*` -> the one with the victim is used and proven', { skip: noStonith }, async t => {
  const { fence, prove } = bench(t, ['stonith_host * null hostlist=ha1', 'stonith_host * null hostlist=ha2'])
  t.match(await fence(), { kind: 'fenced', device: /^null hostlist=ha2 / })
  t.match(await prove(), { kind: 'proven', said: ['null hostlist=ha1: ha2 is not among its hosts', 'null hostlist=ha2: answers, and has ha2 among its hosts'] })
})

t.test('stonith: an unknown type -> failed, with its meaning', { skip: noStonith }, async t => {
  const { fence } = bench(t, ['stonith_host * nosuchtype a b'])
  t.match(wordsOf(await fence()), /^level 1, nosuchtype \*\*\*: .*did not list its hosts: something unexpected happened.*exit status \d+/)
})

t.test('stonith: not installed -> said, without a retry', async t => {
  const { fence } = bench(t, ['stonith_host * null ha2'], { stonithProgram: '/nowhere/stonith' })
  t.match(wordsOf(await fence()), 'level 1, null ***: it did not list its hosts: /nowhere/stonith is not installed')
})

/** A plug-in `external/file` of ours: a machine is a file. `hang=yes` never ends, `passwd` is repeated in an error. */
const plugin = `#!/bin/sh
[ -z "$file" ] || echo "$* passwd=$passwd" >>"$file.calls"
case $1 in
  gethosts) echo "$hostlist" | tr , ' ' ;;
  getconfignames) echo hostlist file hang passwd ;;
  getinfo-*) echo '<parameters></parameters>' ;;
  status) [ -e "$file" ] ;;
  off | on | reset)
    [ "$hang" != yes ] || sleep 1000
    [ "$passwd" != wrong-Tr0ub4dor ] || { echo "passwd $passwd refused" >&2; exit 1; }
    echo "$1" >"$file" ;;
  *) exit 1 ;;
esac
`

/** The real `stonith`, in a mount namespace of its own in which our plug-in stands among Debian's. */
function stonithWithPlugin(folder: string): string {
  const script = `#!/bin/sh
exec unshare -m sh -c 'mount -t tmpfs none /usr/lib/stonith/plugins/external && cp "$0" /usr/lib/stonith/plugins/external/file && exec ${stonithProgram} "$@"' ${folder}/plugin "$@"
`
  writeFileSync(join(folder, 'plugin'), plugin)
  writeFileSync(join(folder, 'stonith'), script)
  for (const name of ['plugin', 'stonith']) chmodSync(join(folder, name), 0o755)
  return join(folder, 'stonith')
}

t.test('stonith external/...: reset, off, two on one level, refusal, hang', { skip: noNamespace }, async t => {
  await t.test('alone, fence_action reset -> one reset', async t => {
    const folder = t.testdir({ run: {} })
    const { fence, machine, prove } = bench(t, ['stonith_host * external/file hostlist=ha1,ha2 file=@m passwd=Tr0ub4dor', 'fence_action reset'], { stonithProgram: join(folder, 'stonith') })
    stonithWithPlugin(folder)
    t.equal((await prove()).kind, 'proven')
    const outcome = await fence()
    t.match(outcome, { kind: 'fenced', device: /^external\/file hostlist=ha1,ha2 file=.* passwd=\*\*\* \(reset, as it reports/ })
    t.equal(machine('m').power(), 'reset')
    t.ok(machine('m').calls().includes('reset ha2 passwd=Tr0ub4dor'), 'the plug-in got its parameters')
  })
  await t.test('two on one level -> both off, then both on', async t => {
    const folder = t.testdir({ run: {} })
    const { fence, machine, restored } = bench(t, [...['a', 'b'].map(name => `stonith_host * external/file hostlist=ha2 file=@${name} level=1`), 'fence_action reset'], { stonithProgram: join(folder, 'stonith') })
    stonithWithPlugin(folder)
    t.equal((await fence()).kind, 'fenced')
    t.strictSame([machine('a').power(), machine('b').power()], ['off', 'off'])
    await restored
    t.strictSame([machine('a').power(), machine('b').power()], ['on', 'on'])
  })
  await t.test('refused with a wrong password -> failed, the password not shown', async t => {
    const folder = t.testdir({ run: {} })
    const { fence } = bench(t, ['stonith_host * external/file hostlist=ha2 file=@m passwd=wrong-Tr0ub4dor', 'fence_action reset', 'fence_retries 0'], { stonithProgram: join(folder, 'stonith') })
    stonithWithPlugin(folder)
    const outcome = await fence()
    t.match(wordsOf(outcome), /reset failed, the reset failed, exit status 5/)
    t.notMatch(JSON.stringify(outcome), 'Tr0ub4dor')
  })
  await t.test('hangs -> ended, and the next level is tried', async t => {
    const folder = t.testdir({ run: {} })
    const { fence, machine } = bench(t, ['stonith_host * external/file hostlist=ha2 file=@hung hang=yes', 'stonith_host * external/file hostlist=ha2 file=@m', 'fence_action reset'], { stonithProgram: join(folder, 'stonith') })
    stonithWithPlugin(folder)
    t.match(await fence({ timeoutMs: 4000 }), { kind: 'fenced', device: /\/m \(reset/ })
    t.equal(machine('hung').power(), 'on')
  })
})

t.test('a password -> in no process\'s arguments while a device is asked', { skip: noNamespace }, async t => {
  const folder = t.testdir({ run: {} })
  const lines = ['stonith_host * external/file hostlist=ha2 file=@m hang=yes passwd=Tr0ub4dor', 'fence_action reset']
  const { fence, fencing, machine } = bench(t, lines, { stonithProgram: join(folder, 'stonith') })
  stonithWithPlugin(folder)
  const outcome = fence()
  await until(() => machine('m').calls().some(call => call.startsWith('reset')), 'the reset')
  const listed = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout
  t.match(listed, /-t external\/file -E -T reset ha2/)
  t.notMatch(listed, 'Tr0ub4dor')
  fencing.close()
  t.equal((await outcome).kind, 'failed')
})

t.test('fence_dummy: off, verified by its status, on again; its status file tells', { skip: noDummy }, async t => {
  const { fence, prove, machine, restored } = bench(t, ['stonith_host * fence_dummy status_file=@m', 'fence_action reset'])
  writeFileSync(machine('m').path, 'on') // it wants the bare word
  t.match(await prove(), { kind: 'proven', said: [/: answers: ha2 is on$/] })
  t.match(await fence(), { kind: 'fenced', device: /^fence_dummy status_file=\S+ \(off, verified by its status\)$/ })
  t.match(await restored, [/: on again$/])
  t.equal(readFileSync(machine('m').path, 'utf8'), 'on')
})

t.test('fence_dummy type=fail: never goes off -> failed, in its own words', { skip: noDummy }, async t => {
  const { fence } = bench(t, ['stonith_host * fence_dummy type=fail power_timeout=1', 'fence_retries 0'])
  t.match(wordsOf(await fence()), /^level 1, fence_dummy type=fail power_timeout=1: off failed, exit status \d+: Failed: /)
})

t.test('fence_ipmilan without its tool, and a wrong parameter -> failed, not taken for off', { skip: noDummy }, async t => {
  const { fence } = bench(t, ['stonith_host ha1 fence_ipmilan ip=127.0.0.1 username=a password=Tr0ub4dor ipmitool_path=/nowhere', 'fence_retries 0'])
  const outcome = await fence()
  t.equal(outcome.kind, 'failed')
  t.notMatch(JSON.stringify(outcome), 'Tr0ub4dor')
})

t.test('fence_heuristics_ping: asked before anything is switched; alone on a level it proves nothing', { skip: noDummy }, async t => {
  const quick = 'ping_interval=1 ping_count=1 ping_good_count=1 ping_timeout=1'
  const condition = `stonith_host * fence_heuristics_ping ping_targets=127.0.0.1 ${quick} level=1`
  const both = bench(t, [condition, 'stonith_host * fence_dummy status_file=@m level=1'])
  writeFileSync(both.machine('m').path, 'on')
  t.match(await both.prove(), { kind: 'proven', said: [/^fence_heuristics_ping .*: answers; it has no status$/, /ha2 is on$/] })
  t.match(await both.fence(), { kind: 'fenced', device: /^fence_dummy / })

  const alone = bench(t, [condition])
  t.match(wordsOf(await alone.fence()), 'level 1: nothing on it switches ha2 off')
  t.equal((await alone.prove()).kind, 'unproven')

  const cutOff = bench(t, [`stonith_host * fence_heuristics_ping ping_targets=240.0.0.1 ${quick} level=1`, 'stonith_host * fence_dummy status_file=@m level=1', 'fence_retries 0'])
  writeFileSync(cutOff.machine('m').path, 'on')
  t.match(wordsOf(await cutOff.fence()), /^level 1, fence_heuristics_ping .*: off failed, exit status/)
  t.equal(cutOff.machine('m').power(), 'on', 'nothing was switched')
})
