/** `heartbeat sync` against a daemon that fetched what the test says: the plan, the consent, all files or none. */

import fs from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { heartbeat } from '../../src/cli/heartbeat-program.js'
import { installChanges, stampOf } from '../../src/cli/sync-install.js'
import type { SyncChange } from '../../src/cli/sync-plan.js'
import { sync, type SyncOptions } from '../../src/cli/sync.js'
import { HaError } from '../../src/base/errors.js'
import type { PeerFiles } from '../../src/control/protocol.js'
import { offerOf, offeredContent, sha256 } from '../../src/sync/offer.js'
import { report, world, type World } from './fake-daemon.js'

const haCf = 'node ha1 ha2\nucast lo 127.0.0.9\nkeepalive 1\nwarntime 3\ndeadtime 10\ninitdead 30\n'
const authkeys = 'auth 1\n1 sha256 a-secret-of-sixteen\n'

/** A node whose daemon has fetched these files: content, or null where both nodes have the same. */
async function fetched(test: Test, files: Readonly<Record<string, string | null>>, more: Partial<PeerFiles> = {}, tampered: string | null = null): Promise<World & { readonly directory: string }> {
  const some = world(test)
  const directory = some.context.paths.haDir
  fs.mkdirSync(path.join(directory, 'resource.d'))
  fs.mkdirSync(path.join(directory, 'sync'))
  some.file('ha.cf', haCf)
  some.file('haresources', 'ha1 app::1\n')
  some.file('authkeys', authkeys)
  fs.writeFileSync(path.join(directory, 'resource.d/app'), '#!/bin/sh\n', { mode: 0o755 })
  const list = Object.entries(files).map(([name, content], index) => {
    const file = path.join(directory, 'sync', String(index))
    return { name, bytes: content?.length ?? 0, sha256: sha256(Buffer.from(content ?? '')), mode: 0o777, path: content === null ? null : file }
  })
  await some.serve((request, reply) => {
    if (request.kind === 'status') reply.done({ kind: 'status', status: report() })
    else {
      for (const one of list) if (one.path !== null) fs.writeFileSync(one.path, tampered ?? files[one.name] ?? '')
      reply.done({ kind: 'files', node: 'ha1', peer: 'ha2', files: list, withheld: [], onlyHere: [], ...more })
    }
  })
  return { ...some, directory }
}

const read = (directory: string, name: string): string => fs.readFileSync(path.join(directory, name), 'utf8')
const copies = (directory: string): readonly string[] => fs.readdirSync(directory).filter(name => name.includes('~') || name.endsWith('.new'))

t.test('sync: nothing differs -> says so, 0', async test => {
  const node = await fetched(test, { haresources: null, 'ha.cf': null })
  const ran = await node.run(heartbeat, 'sync')
  test.equal(ran.status, 0)
  test.match(ran.out, /every file that ha2 offers is the same on ha1/)
})

t.test('sync --dry-run: files differ -> unified with both names, 1, nothing changed', async test => {
  const node = await fetched(test, { haresources: 'ha1 app::2\n', 'resource.d/new': '#!/bin/sh\necho new\n' }, { withheld: ['resource.d/x is a symbolic link'], onlyHere: ['resource.d/app'] })
  const ran = await node.run(heartbeat, 'sync', '--dry-run')
  test.equal(ran.status, 1, ran.err)
  const place = path.join(node.directory, 'haresources')
  test.match(ran.out, `--- ha1:${place}\n+++ ha2:${place}\n@@ -1,1 +1,1 @@\n-ha1 app::1\n+ha1 app::2\n`)
  test.match(ran.out, '+echo new\n')
  test.match(ran.out, 'note: not sent by ha2: resource.d/x is a symbolic link')
  test.match(ran.out, 'note: resource.d/app is on ha1 only; it is left alone')
  test.equal(read(node.directory, 'haresources'), 'ha1 app::1\n')
  test.strictSame(copies(node.directory), [])
  test.strictSame(fs.readdirSync(path.join(node.directory, 'sync')), [], 'nothing fetched is left lying about')
})

t.test('sync --yes: a file replaced, one new -> content, copy of the old one, mode kept or cut down', async test => {
  const node = await fetched(test, { haresources: 'ha1 app::2\n', 'resource.d/new': '#!/bin/sh\n' })
  const ran = await node.run(heartbeat, 'sync', '--yes')
  test.equal(ran.status, 0, ran.err)
  test.match(ran.out, /haresources: replaced, the old one is \S+haresources\.~\d{8}T\d{6}Z~/)
  test.match(ran.out, /heartbeat restart/)
  test.equal(read(node.directory, 'haresources'), 'ha1 app::2\n')
  test.equal(fs.statSync(path.join(node.directory, 'haresources')).mode & 0o7777, 0o600, 'as it was')
  test.equal(fs.statSync(path.join(node.directory, 'resource.d/new')).mode & 0o7777, 0o755, 'no more than 755')
  const [copy = ''] = copies(node.directory)
  test.equal(read(node.directory, copy), 'ha1 app::1\n')
})

t.test('sync: ha.cf differs -> shared lines are taken, links stay, and the result is what is shown', async test => {
  const node = await fetched(test, { 'ha.cf': haCf.replace('ucast lo 127.0.0.9\n', '').replace('deadtime 10', 'deadtime 20') })
  const ran = await node.run(heartbeat, 'sync', '--yes')
  test.equal(ran.status, 0, ran.err)
  test.equal(read(node.directory, 'ha.cf'), haCf.replace('deadtime 10', 'deadtime 20'))
})

t.test('sync: the result has a fault, an unknown script -> 6 with its place, nothing changed', async test => {
  for (const [text, fault] of [['ha1 nothere::1\n', /haresources:1:5: error: no script/], ['ha3 app::1\n', /haresources:1:1: error/]] as const) {
    const node = await fetched(test, { haresources: text })
    const ran = await node.run(heartbeat, 'sync', '--yes')
    test.equal(ran.status, 6, ran.out)
    test.match(ran.err, fault)
    test.equal(read(node.directory, 'haresources'), 'ha1 app::1\n')
  }
  const withScript = await fetched(test, { haresources: 'ha1 brandnew::1\n', 'resource.d/brandnew': '#!/bin/sh\n' })
  test.equal((await withScript.run(heartbeat, 'sync', '--yes')).status, 0, 'a script that comes along is there')
})

t.test('sync: asked and refused, nobody to ask, --json without --yes -> 1, nothing changed', async test => {
  const node = await fetched(test, { haresources: 'ha1 app::2\n' })
  const options: SyncOptions = { dryRun: false, yes: false, json: false }
  const questions: string[] = []
  const answering = (answer: boolean | null) => async (question: string): Promise<boolean | null> => {
    questions.push(question)
    return answer
  }
  for (const answer of [false, null]) {
    const ran = await node.run(async (_args, context) => await sync(context, options, answering(answer)))
    test.equal(ran.status, 1)
    test.match(ran.err, /nothing was changed/)
  }
  test.match(questions[0], /Replace 1 file on ha1 by those of ha2\? \[y\/N\]/)
  const json = await node.run(heartbeat, 'sync', '--json')
  test.equal(json.status, 1)
  test.match(JSON.parse(json.out), { ok: false, node: 'ha1', peer: 'ha2', changes: [{ isNew: false }], note: /say --yes/ })
  test.equal(read(node.directory, 'haresources'), 'ha1 app::1\n')
  const agreed = await node.run(async (_args, context) => await sync(context, options, answering(true)))
  test.equal(agreed.status, 0)
  test.equal(read(node.directory, 'haresources'), 'ha1 app::2\n')
})

t.test('sync: to the other node, from this one, from a third -> 2 and where to run it; the daemon is not asked for files', async test => {
  const node = await fetched(test, { haresources: 'ha1 app::2\n' })
  for (const words of [['--to', 'ha2'], ['--from', 'HA1'], ['--from', 'ha3'], ['--to', 'ha3']]) {
    const ran = await node.run(heartbeat, 'sync', '--yes', ...words)
    test.equal(ran.status, 2, ran.err)
    test.match(ran.err, /run on ha2: heartbeat sync --from ha1|is not/)
  }
  test.notOk(node.asked.some(request => request.kind === 'sync'))
  test.equal((await node.run(heartbeat, 'sync', '--dry-run', '--from', 'ha2', '--to', 'HA1')).status, 1)
})

t.test('sync: no daemon, a fetch that failed, a fetched file that is not what was told -> 3, 13, 13', async test => {
  test.equal((await world(test).run(heartbeat, 'sync')).status, 3)
  const failing = world(test)
  await failing.serve((request, reply) => {
    if (request.kind === 'status') reply.done({ kind: 'status', status: report() })
    else reply.fail('HA_SYNC_FAILED', 'ha2 did not answer within 5000 ms')
  })
  const failed = await failing.run(heartbeat, 'sync')
  test.strictSame([failed.status, failed.err], [13, 'ERROR: ha2 did not answer within 5000 ms\n'])
  const node = await fetched(test, { haresources: 'ha1 app::2\n' }, {}, 'ha1 evil::2\n')
  test.equal((await node.run(heartbeat, 'sync', '--yes')).status, 13)
  test.equal(read(node.directory, 'haresources'), 'ha1 app::1\n')
})

t.test('sync: a script that is a link here, terminal codes in the other file -> left alone; shown without them', async test => {
  const node = await fetched(test, { 'resource.d/linked': 'x\n', haresources: 'ha1 app::1 # \u001b[2J\n' })
  fs.symlinkSync('/etc/passwd', path.join(node.directory, 'resource.d/linked'))
  const ran = await node.run(heartbeat, 'sync', '--dry-run')
  test.match(ran.out + ran.err, /linked is a symbolic link here; it is left alone/)
  test.notMatch(ran.out + ran.err, /\u001b/)
})

const changeOf = (file: string, before: string | null, after: string): SyncChange => ({
  name: path.basename(file), path: file, before: before === null ? null : Buffer.from(before), after: Buffer.from(after), mode: 0o644, diff: []
})

t.test('install: the third rename fails -> the first two files are back, no copy and no new file is left', async test => {
  const directory = test.testdir({ a: 'a1', b: 'b1', c: 'c1' })
  const changes = ['a', 'new', 'b', 'c'].map(name => changeOf(path.join(directory, name), name === 'new' ? null : `${name}1`, `${name}2`))
  const rename = async (from: string, to: string): Promise<void> => {
    if (to.endsWith('/b')) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    await fs.promises.rename(from, to)
  }
  const failure: unknown = await installChanges(changes, { wallMs: 0, rename }).catch((error: unknown) => error)
  test.ok(failure instanceof HaError && failure.code === 'HA_SYNC_FAILED')
  test.strictSame(fs.readdirSync(directory).sort().map(name => `${name}=${read(directory, name)}`), ['a=a1', 'b=b1', 'c=c1'])
})

t.test('install: a file was changed after it was shown -> nothing is replaced', async test => {
  const directory = test.testdir({ a: 'a1', b: 'edited' })
  const changes = [changeOf(path.join(directory, 'a'), 'a1', 'a2'), changeOf(path.join(directory, 'b'), 'b1', 'b2')]
  await test.rejects(installChanges(changes, { wallMs: 0 }), { code: 'HA_SYNC_FAILED', message: /changed meanwhile/ })
  test.strictSame(fs.readdirSync(directory).sort().map(name => `${name}=${read(directory, name)}`), ['a=a1', 'b=edited'])
  test.equal(stampOf(Date.UTC(2026, 10, 21, 9, 30, 5, 7)), '20261121T093005Z')
})

t.test('offer: authkeys, hidden files, links, copies, huge and private files -> not offered, each told; ha.cf without its own lines', async test => {
  const directory = test.testdir({
    haresources: 'ha1 app\n', 'ha.cf': `${haCf}stonith_host * external/ipmi x SECRET\n`, authkeys,
    'resource.d': { app: '#!/bin/sh\n', '.lib.sh': 'x', 'app.dpkg-old': 'x', 'haresources.~1~': 'x', secret: 'password', link: test.fixture('symlink', 'app'), folder: {}, huge: 'x'.repeat(1024 * 1024 + 1) }
  })
  for (const name of ['app', 'huge']) fs.chmodSync(path.join(directory, 'resource.d', name), 0o755)
  fs.chmodSync(path.join(directory, 'resource.d/secret'), 0o700)
  const offer = await offerOf(directory)
  test.strictSame(offer.files.map(file => file.name), ['haresources', 'ha.cf', 'resource.d/app'])
  test.equal(offer.withheld.length, 4)
  test.match(offer.withheld.join('\n'), /folder is not a plain file[^]*huge has[^]*link is a symbolic link[^]*secret is not readable for every user/)
  const sent = await offeredContent(directory, 'ha.cf')
  test.notMatch(Buffer.from(sent).toString(), /SECRET|ucast/)
  for (const name of ['authkeys', '../authkeys', 'resource.d/secret', 'resource.d/../authkeys', 'resource.d/.lib.sh', 'resource.d/gone']) {
    test.type(await offeredContent(directory, name), 'string', name)
  }
})
