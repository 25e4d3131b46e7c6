import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bench, until, wordsOf } from './bench.js'

/** A process that is there and no zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

t.test('fence agent: off and its status says so -> fenced; then the machine is switched on again', async t => {
  const { fence, machine, restored } = bench(t, ['stonith_host * fence_test state=@m plug=3', 'fence_action reset'])
  const outcome = await fence()
  t.match(outcome, { kind: 'fenced', device: /^fence_test state=.*\/m plug=3 \(off, verified by its status\)$/ })
  t.match(await restored, [/: on again$/])
  t.equal(machine('m').power(), 'on')
  t.strictSame(machine('m').calls(), ['off ha2 plug=3', 'status ha2 plug=3', 'on ha2 plug=3'])
})

t.test('fence agent: fence_action off -> stays off', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@m', 'fence_action off'])
  t.equal((await fence()).kind, 'fenced')
  t.strictSame([machine('m').power(), machine('m').calls()], ['off', ['off ha2', 'status ha2']])
})

t.test('fence agent: an access switch, no power switch -> not switched on again', async t => {
  const { fence, machine, restored } = bench(t, ['stonith_host * fence_test state=@m fabric=yes', 'fence_action reset'])
  t.equal((await fence()).kind, 'fenced')
  t.match(await restored, [/cuts off access and not power/])
  t.equal(machine('m').power(), 'off')
})

t.test('fence agent: reports success while the machine stays on -> failed, with all its retries', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@m lie=yes', 'fence_retries 1'])
  const outcome = await fence()
  t.equal(outcome.kind, 'failed')
  t.match(wordsOf(outcome), /^level 1, fence_test .*: tried 2 times: it reported success, but its status still says on$/)
  t.equal(machine('m').calls().filter(call => call.startsWith('off')).length, 2)
})

t.test('fence agent: reports success before the power is off -> asked until it is off, with a single off', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@m late=2'])
  t.equal((await fence()).kind, 'fenced')
  t.strictSame(machine('m').calls().slice(0, 4), ['off ha2', 'status ha2', 'status ha2', 'status ha2'])
})

t.test('fence agent: without a status -> its word is taken, and said to be unverified; its test is monitor alone', async t => {
  const { fence, prove, machine } = bench(t, ['stonith_host * fence_test state=@m lacks=status'])
  t.match(await prove(), { kind: 'proven', said: [/: answers; it has no status$/] })
  t.match(await fence(), { kind: 'fenced', device: /\(off, as it reports; it has no status to verify it\)$/ })
  t.equal(machine('m').power(), 'off')
})

t.test('fence agent: that can only reboot -> rebooted', async t => {
  const { fence, machine, restored } = bench(t, ['stonith_host * fence_test state=@m lacks=off', 'fence_action reset'])
  t.match(await fence(), { kind: 'fenced', device: /\(reset, as it reports; it knows no other way\)$/ })
  await restored
  t.strictSame(machine('m').calls().slice(0, 2), ['off ha2', 'reboot ha2'])
})

t.test('fence agent: that cannot switch on -> off is enough', async t => {
  const { fence, restored } = bench(t, ['stonith_host * fence_test state=@m lacks=on', 'fence_action reset'])
  t.equal((await fence()).kind, 'fenced')
  t.match(await restored, [/: it does not switch on$/])
})

t.test('fence agent: fails twice, then works -> fenced at the third try', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@m fail=2'])
  t.equal((await fence()).kind, 'fenced')
  t.strictSame(machine('m').calls().slice(0, 6), ['off ha2', 'status ha2', 'off ha2', 'status ha2', 'off ha2', 'status ha2'])
})

t.test('fence agent: fails more often than it is tried -> failed, and the password that it repeats is not shown', async t => {
  const { fence, fencing } = bench(t, ['stonith_host * fence_test state=@m fail=9 passwd=Tr0ub4dor&3'])
  const outcome = await fence()
  t.match(wordsOf(outcome), /tried 3 times: off failed, exit status 3: login as admin with \*\*\* failed$/)
  t.match(fencing.description, / passwd=\*\*\*$/)
  t.notMatch(JSON.stringify([outcome, fencing.description]), 'Tr0ub4dor')
})

t.test('fence agent: off reports an error though the machine is off -> its status counts', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@m fail=9'])
  writeFileSync(machine('m').path, 'off\n')
  t.match(await fence(), { kind: 'fenced', device: /although its own off reported an error/ })
})

t.test('fence agent: hangs -> it and its child are ended at the limit, and the next level is tried', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@hung hang=off', 'stonith_host * fence_test state=@m'])
  const outcome = await fence({ timeoutMs: 4000 })
  t.match(outcome, { kind: 'fenced', device: /\/m \(off, verified/ })
  const child = Number(readFileSync(`${machine('hung').path}.child`, 'utf8'))
  await until(() => !isAlive(child), 'the end of the child')
  t.equal(machine('m').power(), 'off')
})

t.test('fence agent: hangs, and is the only one -> failed within the time given, and says what hung', async t => {
  const { fence, machine, folder } = bench(t, ['stonith_host * fence_test state=@hung hang=off'])
  const outcome = await fence({ timeoutMs: 1000 })
  t.match(wordsOf(outcome), /did not end within \d+ ms and was ended/)
  const child = Number(readFileSync(`${machine('hung').path}.child`, 'utf8'))
  await until(() => !isAlive(child), 'the end of the child')
  t.strictSame(readdirSync(join(folder, 'run')), [])
})

t.test('two devices on one level: both off before either is on again', async t => {
  const { fence, machine, restored } = bench(t, ['stonith_host * fence_test state=@a level=1', 'stonith_host * fence_test state=@b late=3 level=1', 'fence_action reset'])
  const outcome = await fence()
  t.match(wordsOf(outcome), /\/a \(off, verified by its status\) and fence_test .*\/b late=3 \(off, verified by its status\)$/)
  t.strictSame(machine('a').calls().includes('on ha2'), false, 'when the proof came, nothing was on again')
  await restored
  t.strictSame([machine('a').power(), machine('b').power()], ['on', 'on'])
})

t.test('two devices on one level: one fails -> the level fails, and the next one is tried', async t => {
  const { fence } = bench(t, ['stonith_host * fence_test state=@a level=1', 'stonith_host * fence_test state=@b lie=yes level=1', 'stonith_host * fence_test state=@c level=2', 'fence_retries 0'])
  t.match(await fence(), { kind: 'fenced', device: /^fence_test \S*\/c \(/ })
  const { fence: fenceTwo } = bench(t, ['stonith_host * fence_test state=@a level=1', 'stonith_host * fence_test state=@b lie=yes level=1', 'fence_retries 0'])
  t.match(wordsOf(await fenceTwo()), /^level 1, \S+ \S+\/b lie=yes: it reported success, but/)
})

t.test('fence agent: called off -> failed at once, the child ended', async t => {
  const { fence, machine } = bench(t, ['stonith_host * fence_test state=@hung hang=off'])
  const abort = new AbortController()
  const outcome = fence({ signal: abort.signal })
  await until(() => machine('hung').calls().length > 0, 'the call')
  abort.abort()
  t.match(wordsOf(await outcome), /the attempt was called off/)
})

t.test('fencing closed -> an attempt under way fails and its processes are gone', async t => {
  const { fence, fencing, machine } = bench(t, ['stonith_host * fence_test state=@hung hang=off'])
  const outcome = fence()
  await until(() => machine('hung').calls().length > 0, 'the call')
  fencing.close()
  t.equal((await outcome).kind, 'failed')
  t.match(await fence(), { kind: 'failed', said: ['fencing is shut down'] })
})

t.test('fence agent: not installed -> said, without a retry', async t => {
  const { fence, prove } = bench(t, ['stonith_host * fence_nowhere ip=a'])
  t.match(wordsOf(await fence()), 'level 1, fence_nowhere ip=a: off failed, no such program is installed')
  t.match(await prove(), { kind: 'unproven', said: ['fence_nowhere ip=a: monitor failed, no such program is installed'] })
})

t.test('stonith TYPE FILE: parameters from the file, read when used; a missing file is said', async t => {
  const { fence, machine, folder, fencing } = bench(t, ['stonith fence_test /nowhere/parameters', 'stonith_host * fence_test state=@unused'])
  t.match(wordsOf(await fence()), /unused/)
  t.match(fencing.description, /^fence_test with \/nowhere\/parameters; then /)
  const path = join(folder, 'parameters')
  writeFileSync(path, `# a comment\nstate=${machine('unused').path}\npasswd=Tr0ub4dor\naction=on\nfail=9\n`)
  writeFileSync(machine('unused').path, 'on\n')
  const other = bench(t, [`stonith fence_test ${path}`, 'fence_action off', 'fence_retries 0'])
  writeFileSync(path, `state=${join(other.folder, 'm')}\npasswd=Tr0ub4dor\naction=on\nfail=1\n`)
  writeFileSync(join(other.folder, 'm'), 'on\n')
  t.match(wordsOf(await other.fence()), /off failed, exit status 3: login as admin with \*\*\* failed/)
})

t.test('test: monitor and status answer -> proven; a device that calls a heard node off watches another plug', async t => {
  const { prove, machine } = bench(t, ['stonith_host * fence_test state=@m', 'stonith_host * meatware'], { isHeard: () => true })
  t.match(await prove(), { kind: 'proven', said: [/: answers: ha2 is on$/, 'meatware: a person cannot be tested'] })
  t.strictSame(machine('m').calls(), ['monitor ha2', 'status ha2'])
  writeFileSync(machine('m').path, 'off\n')
  t.match(await prove(), { kind: 'unproven', said: [/says that ha2 is off, but ha2 is heard/, /./] })
})

t.test('test: one device of several does not answer -> unproven, and the others are asked all the same', async t => {
  const { prove, machine } = bench(t, ['stonith_host * fence_test state=@hung hang=monitor', 'stonith_host * fence_test state=@m'])
  t.match(await prove({ timeoutMs: 4000 }), { kind: 'unproven', said: [/hung hang=monitor: monitor failed, it did not end within/, /ha2 is on$/] })
  t.strictSame(machine('m').calls(), ['monitor ha2', 'status ha2'])
})

t.test('test: fencing begins meanwhile -> the test ends first, unproven, and ha2 is fenced', async t => {
  const { prove, fence, machine } = bench(t, ['stonith_host * fence_test state=@m hang=monitor'])
  const proof = prove()
  await until(() => machine('m').calls().length > 0, 'the test')
  const outcome = fence()
  t.match(await proof, { kind: 'unproven', said: [/ended before all devices had answered/] })
  t.equal((await outcome).kind, 'fenced')
})

t.test('meatware: never by itself; an operator\'s word ends the attempt, whatever device is under way', async t => {
  const { fence, fencing, prove } = bench(t, ['stonith_host * meatware'])
  t.match(wordsOf(await fence({ timeoutMs: 200 })), /no operator has confirmed that ha2 is off \(`heartbeat confirm-off ha2`\)/)
  t.equal(fencing.confirm('ha2'), false, 'a word without an attempt is not kept for a later one')
  const outcome = fence()
  t.equal(fencing.confirm('ha2'), true)
  t.match(await outcome, { kind: 'fenced', device: 'an operator\'s word' })
  t.equal((await prove()).kind, 'unproven')

  const hung = bench(t, ['stonith_host * fence_test state=@hung hang=off', 'stonith_host * meatware'])
  const second = hung.fence()
  await until(() => hung.machine('hung').calls().length > 0, 'the call')
  t.match(await hung.fence(), { kind: 'failed', said: ['ha2 is being fenced already'] })
  hung.fencing.confirm('ha2')
  t.equal((await second).kind, 'fenced')
})

t.test('fencing: a node without a device -> failed, with the reason', async t => {
  const { fencing, fence } = bench(t, ['stonith_host ha2 fence_test state=@m'])
  t.match(await fence(), { kind: 'failed', said: ['no fencing device of this node can switch off ha2'] })
  t.equal(fencing.description, '')
})
