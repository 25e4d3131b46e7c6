import t, { type Test } from 'tap'
import { Command } from 'commander'
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialFiles, registerInit, withOwnLines } from '../../src/cli/init.js'
import { keyFileText, randomKeyText, registerKeygen, withKeyAdded } from '../../src/cli/keygen.js'
import { writeAtomically, writeFault } from '../../src/cli/write-file.js'
import { parseAuthkeys } from '../../src/config/authkeys.js'
import { formatDiagnostic, parseConfiguration } from '../../src/config/configuration.js'

/** Runs one command in this process and returns what it wrote and its exit status. */
async function run(t: Test, args: readonly string[], haDir: string): Promise<{ out: string; err: string; status: number }> {
  const program = new Command('heartbeat').exitOverride()
  registerInit(program)
  registerKeygen(program)
  const saved = process.env['HA_DIR']
  process.env['HA_DIR'] = haDir
  const out = t.capture(process.stdout, 'write', () => true)
  const err = t.capture(process.stderr, 'write', () => true)
  try {
    await program.parseAsync(['node', 'heartbeat', ...args])
    return { out: out().map(call => String(call.args[0])).join(''), err: err().map(call => String(call.args[0])).join(''), status: Number(process.exitCode ?? 0) }
  } finally {
    out.restore()
    err.restore()
    process.exitCode = 0
    if (saved === undefined) delete process.env['HA_DIR']
    else process.env['HA_DIR'] = saved
  }
}

const key = '0123456789abcdef'
const options = ['init', '--node', 'HA1', '--node', 'ha2', '--link', 'bcast eth0', '--link', 'bcast eth1', '--address', '192.168.1.10/24/eth0', '--resource', 'Filesystem::/dev/sdb1::/data::ext4']

t.test('init: the composed files -> the parser has nothing to say about them', async t => {
  for (const resources of [[], ['10.0.0.5/24/eth0'], ['10.0.0.5/24/eth0', 'apache', 'MailTo::root']]) {
    const files = initialFiles({ nodes: ['ha1', 'ha2'], links: ['bcast eth0', 'bcast eth1'], resources }, key)
    const result = parseConfiguration(
      { haCf: { file: 'ha.cf', text: files['ha.cf'] }, haresources: { file: 'haresources', text: files.haresources }, authkeys: { file: 'authkeys', text: files.authkeys, mode: 0o600, ownerUid: 0 } },
      { nodeName: 'ha1', uid: 0 }
    )
    t.strictSame(result.diagnostics.filter(found => found.severity !== 'info').map(formatDiagnostic), [])
    t.equal(result.ok && result.configuration.groups[0]?.resources.length, resources.length === 0 ? undefined : resources.length)
  }
})

t.test('init: ucast links -> the own address is added once, when it is certain', async t => {
  const own = (nic: string) => ({ eth1: ['10.0.0.1'], eth2: ['10.1.0.1', '10.2.0.1'] })[nic] ?? []
  t.strictSame(withOwnLines(['ucast eth1 10.0.0.2'], own), ['ucast eth1 10.0.0.1', 'ucast eth1 10.0.0.2'])
  t.strictSame(withOwnLines(['ucast eth1 10.0.0.2', 'ucast  eth1  10.0.0.1'], own), ['ucast eth1 10.0.0.2', 'ucast  eth1  10.0.0.1'])
  t.strictSame(withOwnLines(['ucast eth1 10.0.0.2', 'ucast eth1 10.0.0.3'], own), ['ucast eth1 10.0.0.1', 'ucast eth1 10.0.0.2', 'ucast eth1 10.0.0.3'])
  t.strictSame(withOwnLines(['ucast eth2 10.1.0.2', 'ucast eth9 10.9.0.2', 'bcast eth1'], own), ['ucast eth2 10.1.0.2', 'ucast eth9 10.9.0.2', 'bcast eth1'])
})

t.test('init: an empty directory -> three files, authkeys for its owner alone, and the next steps', async t => {
  const directory = join(t.testdir({}), 'new', 'ha.d')
  const { out, err, status } = await run(t, [...options, '--dir', directory], '/nonexistent')
  t.equal(status, 0, err)
  t.strictSame(readdirSync(directory).sort(), ['authkeys', 'ha.cf', 'haresources'])
  t.equal(statSync(join(directory, 'authkeys')).mode & 0o777, 0o600)
  t.equal(statSync(join(directory, 'ha.cf')).mode & 0o777, 0o644)
  t.match(out, /chosen: keepalive 200ms.*\n(note: .*\n)?next:\n {2}1\. heartbeat check\n {2}2\. scp -p .* root@ha[12]:/)
  t.match(readFileSync(join(directory, 'haresources'), 'utf8'), /^HA1 192.168.1.10\/24\/eth0 \\\n {4}Filesystem::\/dev\/sdb1::\/data::ext4$/m)
})

t.test('init: one of the files exists -> nothing is written', async t => {
  const directory = t.testdir({ haresources: 'mine\n' })
  const { err, status } = await run(t, options, directory)
  t.equal(status, 1)
  t.match(err, /haresources exists already; nothing was written/)
  t.strictSame(readdirSync(directory), ['haresources'])
  t.equal(readFileSync(join(directory, 'haresources'), 'utf8'), 'mine\n')
})

t.test('init: faulty options -> all faults with their line, nothing is written', async t => {
  const directory = t.testdir({})
  const { err, status } = await run(t, ['init', '--node', 'ha1', '--node', 'ha2', '--link', 'ucast eth1 ha2', '--address', '10.0.0.300'], directory)
  t.equal(status, 6)
  t.match(err, /ha.cf: ucast eth1 ha2\n {2}error: .*\nharesources: ha1 10.0.0.300\n {2}error: /)
  t.equal((await run(t, ['init'], directory)).status, 2)
  t.equal((await run(t, ['init', '--node', 'a', '--node', 'b', '--node', 'c', '--link', 'bcast eth0'], directory)).status, 2)
  for (const [option, value] of [['--address', '10.0.0.5\nha2 evil'], ['--resource', 'a b'], ['--resource', 'a#b'], ['--link', 'stonith x y'], ['--link', 'bcast eth0\nrealtime off']] as const) {
    t.equal((await run(t, ['init', '--node', 'ha1', '--node', 'ha2', '--link', 'bcast eth0', option, value], directory)).status, 6, `${option} ${value}`)
  }
  t.strictSame(readdirSync(directory), [])
})

t.test('keygen: printed -> a file the parser accepts, with 256 bits of its own each time', async t => {
  const directory = t.testdir({})
  const { out, status } = await run(t, ['keygen', '--method', 'sha512', '--id', '7'], directory)
  t.equal(status, 0)
  const { keys, diagnostics } = parseAuthkeys({ file: 'authkeys', text: out, mode: 0o600, ownerUid: 0 }, { uid: 0 })
  t.strictSame(diagnostics, [])
  t.match(keys?.active, { id: 7, method: 'sha512' })
  t.match(randomKeyText(), /^[0-9a-f]{64}$/)
  t.not(randomKeyText(), randomKeyText())
  t.strictSame(readdirSync(directory), [])
})

t.test('keygen: --write -> mode 600; a second time refused without --force', async t => {
  const directory = t.testdir({})
  const path = join(directory, 'authkeys')
  t.equal((await run(t, ['keygen', '--write'], directory)).status, 0)
  t.equal(statSync(path).mode & 0o777, 0o600)
  const before = readFileSync(path, 'utf8')
  const again = await run(t, ['keygen', '--write'], directory)
  t.equal(again.status, 1)
  t.match(again.err, /exists already; nothing was written/)
  t.equal(readFileSync(path, 'utf8'), before)
  t.equal((await run(t, ['keygen', '--write', '--force'], directory)).status, 0)
  t.not(readFileSync(path, 'utf8'), before)
  t.strictSame(readdirSync(directory), ['authkeys'])
  t.match((await run(t, ['keygen', '--write'], join(directory, 'none'))).err, /does not exist; make it with: mkdir -p/)
})

t.test('keygen: --add -> the next free number, not active, the old text unchanged', async t => {
  const directory = t.testdir({ authkeys: `# mine\nauth 1\n1 sha1 ${key}` })
  const path = join(directory, 'authkeys')
  chmodSync(path, 0o600)
  t.match((await run(t, ['keygen', '--add'], directory)).out, /^2 sha256 [0-9a-f]{64}\n$/)
  t.equal((await run(t, ['keygen', '--add', '--write'], directory)).status, 0)
  const text = readFileSync(path, 'utf8')
  t.ok(text.startsWith(`# mine\nauth 1\n1 sha1 ${key}\n2 sha256 `))
  const { keys } = parseAuthkeys({ file: path, text, mode: statSync(path).mode, ownerUid: 0 }, { uid: 0 })
  t.equal(keys?.active.id, 1)
  t.equal(keys?.byId.size, 2)
  const taken = await run(t, ['keygen', '--add', '--id', '2', '--write'], directory)
  t.equal(taken.status, 6)
  t.match(taken.err, /key 2 exists already/)
  chmodSync(path, 0o644)
  t.equal((await run(t, ['keygen', '--add', '--write'], directory)).status, 6, 'a file with faults is not touched')
  t.equal(readFileSync(path, 'utf8'), text)
})

t.test('keygen: sixteen keys -> no seventeenth', async t => {
  let text = keyFileText({ id: 0, method: 'sha1', text: key })
  for (let count = 1; count <= 16; count += 1) {
    const added = withKeyAdded({ file: 'authkeys', text, mode: 0o600, ownerUid: 0 }, { id: null, method: 'sha1', text: key }, 0)
    t.equal(added.ok, count < 16, `key ${count + 1}`)
    if (added.ok) text = added.text
  }
})

t.test('keygen: wrong options -> refused', async t => {
  for (const args of [['--id', '16'], ['--id', 'x'], ['--method', 'crc'], ['--method', 'sha265']]) await t.rejects(run(t, ['keygen', ...args], t.testdirName))
})

t.test('writing: over an existing name without leave -> refused, nothing is left behind', async t => {
  const directory = t.testdir({ file: 'old' })
  const path = join(directory, 'file')
  await t.rejects(writeAtomically(path, 'new', { mode: 0o600, replace: false }), { code: 'EEXIST' })
  t.equal(readFileSync(path, 'utf8'), 'old')
  await writeAtomically(path, 'new', { mode: 0o640, replace: true })
  t.equal(readFileSync(path, 'utf8'), 'new')
  t.equal(statSync(path).mode & 0o777, 0o640)
  t.strictSame(readdirSync(directory), ['file'])
  t.throws(() => writeFault(path, new Error('a bug')), /a bug/)
  writeFileSync(path, '')
})
