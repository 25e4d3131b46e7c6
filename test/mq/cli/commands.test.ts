/** runmqsc, dmpmqcfg, *mqinf, ha*mqm, users and images: real processes, in data roots of their own. */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { connect } from '../../../src/client/client.js'
import { dspmqver } from '../../../src/mq/cli/dspmqver-program.js'
import { addmqinf, dspmqinf, rmvmqinf } from '../../../src/mq/cli/mqinf-programs.js'
import { halinkmqm } from '../../../src/mq/cli/ha-programs.js'
import { setmquserFrom } from '../../../src/mq/cli/setmquser-program.js'
import { MqHost, freePort } from '../host.js'
import { inProcess } from './in-process.js'

const small = ['-lf', '64'] as const

t.test('runmqsc: a piped script with one unknown attribute and one missing object -> report, footer, status 10', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  await host.do('strmqm', ['-z', 'Q1'])
  const script = [
    '* fourteen commands, as administrators write them',
    'define qlocal(A.QUEUE) maxdepth(10) +',
    "   descr('first')",
    'define qlocal(b.queue)',
    "define qlocal('b.queue')",
    'define qalias(AN.ALIAS) target(A.QUEUE)',
    'define qremote(R) rname(X) rqmname(OTHER) xmitq(XQ)',
    "define channel(HA.CHANNEL) chltype(svrconn) trptype(tcp) mcauser('mqm')",
    'define process(P)',
    'define namelist(N) names(A,B)',
    'alter qlocal(A.QUEUE) put(disabled)',
    'display qlocal(A.QUEUE) put maxdepth nosuchattribute',
    'display qlocal(A.QUEUE) put maxdepth',
    'display qlocal(NOT.THERE)',
    'delete qalias(AN.ALIAS)',
    'ping qmgr',
    'end',
    'display qmgr'
  ].join('\n')
  const { code, stdout } = await host.run('runmqsc', ['Q1'], script)
  t.equal(code, 10)
  const lines = stdout.split('\n')
  t.equal(lines[1], 'Starting MQSC for queue manager Q1.')
  t.strictSame(lines.slice(2, 4), ['', ''])
  t.ok(lines.includes('       : * fourteen commands, as administrators write them'))
  t.ok(lines.includes('     1 : define qlocal(A.QUEUE) maxdepth(10) +'))
  t.ok(lines.includes("       :    descr('first')"))
  t.ok(lines.includes('   MAXDEPTH(10)                            PUT(DISABLED)'))
  t.match(stdout, /AMQ8405I[^]*AMQ8147E: Object NOT\.THERE not found\./)
  t.strictSame(lines.slice(-4), ['14 MQSC commands read.', 'One command has a syntax error.', 'One valid MQSC command could not be processed.', ''])
  t.match(await host.run('runmqsc', ['-e', 'Q1'], 'display qmgr qmid\n'), { code: 0, stdout: /QMID\(Q1_\d{4}-/ })
  t.match(await host.run('runmqsc', ['Q1'], ''), { code: 0, stdout: /\nNo MQSC commands read\.\n$/ })
  const file = path.join(host.root, 'script')
  fs.writeFileSync(file, "display qlocal('b.queue')\n")
  t.match(await host.run('runmqsc', ['-f', file, 'Q1']), { code: 0, stdout: /QUEUE\(b\.queue\)/ })
  t.match(await host.run('runmqsc', ['-f', `${file}.none`, 'Q1']), { code: 20 })
  t.match(await host.run('runmqsc', ['-v', 'Q1'], 'define qlocal(Z) colour(red)\ndefine qlocal(Z)\n'), { code: 10, stdout: /2 MQSC commands read\.\nOne command has a syntax error\./ })
  t.match(await host.run('runmqsc', ['Q1'], 'display qlocal(Z)\n'), { code: 10 }, 'verified, not run')
  await host.do('endmqm', ['-i', 'Q1'])
  const refused = await host.run('runmqsc', ['Q1'], 'display qmgr\n')
  t.match(refused, { code: 20, stdout: /^.*\nAMQ8146E: .*\n\nNo MQSC commands read\.\n$/ })
  t.match(await host.run('runmqsc', ['NONE'], ''), { code: 20, stdout: /AMQ8118E/ })
})

t.test('dmpmqcfg: its output fed to an empty queue manager -> the same output but for the header', async t => {
  const host = new MqHost(t)
  for (const name of ['FIRST', 'SECOND']) {
    await host.do('crtmqm', [...small, name])
    await host.do('strmqm', ['-z', name])
  }
  await host.do('runmqsc', ['FIRST'], "define qlocal('lower''s') descr('it''s') maxdepth(7) replace\nalter qmgr deadq(DLQ)\ndefine qlocal(DLQ)\ndefine topic(T) topicstr('/a/b')\nset chlauth('*') type(addressmap) address('10.*') usersrc(noaccess)\n".replace("'lower''s'", "'lower.s'"))
  const dump = async (name: string): Promise<string> => (await host.do('dmpmqcfg', ['-m', name, '-a'])).split('\n').filter(line => !line.startsWith('*')).join('\n')
  const first = await dump('FIRST')
  t.match(first, /DEFINE QLOCAL\('lower\.s'\)/)
  t.match(await host.run('runmqsc', ['SECOND'], first), { code: 0 })
  const second = await dump('SECOND')
  t.equal(second, first)
  t.match(await host.run('dmpmqcfg', ['-m', 'FIRST', '-t', 'paint']), { code: 36 })
  await host.do('endmqm', ['-i', 'FIRST'])
  t.match(await host.run('dmpmqcfg', ['-m', 'FIRST']), { code: 40, stderr: /^AMQ8146E/ })
})

t.test('dspmqinf, addmqinf, rmvmqinf: what one node prints -> makes it known on another, with its data', async t => {
  const [one, two] = [new MqHost(t), new MqHost(t)]
  const disk = t.testdir()
  await one.do('crtmqm', [...small, '-md', path.join(disk, 'data'), '-ld', path.join(disk, 'log'), 'a.b'])
  const command = (await one.do('dspmqinf', ['-o', 'command', 'a.b'])).trim()
  t.match(command, /^addmqinf -s QueueManager -v Name=a\.b -v 'Directory=a!b' /)
  // As an administrator would: through a shell.
  const words = JSON.parse(execFileSync('/bin/sh', ['-c', `node -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- ${command.slice('addmqinf '.length)}`], { encoding: 'utf8' })) as string[]
  await two.do('addmqinf', words)
  const here = { MQ_DATA_ROOT: two.root }
  t.match(await inProcess(dspmqinf, ['a.b'], here), { code: 0, stdout: /^QueueManager:\n {3}Name=a\.b\n/ })
  t.match(await inProcess(addmqinf, words, here), { code: 45 })
  t.match(await inProcess(addmqinf, ['-v', 'Directory=X'], here), { code: 46, stderr: /Name is missing/ })
  t.match(await inProcess(addmqinf, ['-v', 'Name=X', '-v', 'Directory=X', '-v', 'DataPath=/nowhere'], here), { code: 1, stderr: /^AMQ7001E/ })
  t.match(await inProcess(addmqinf, ['-v', 'Colour=red'], here), { code: 39 })
  await two.do('strmqm', ['-z', 'a.b'])
  t.match(await one.run('strmqm', ['a.b']), { code: 5 }, 'on one host it is running; on another it would be elsewhere')
  await two.do('endmqm', ['-i', 'a.b'])
  t.match(await inProcess(rmvmqinf, ['a.b'], here), { code: 0 })
  t.match(await inProcess(rmvmqinf, ['a.b'], here), { code: 44 })
  t.match(await one.do('dspmq', []), /STATUS\(Ended immediately\)/, 'the files are untouched')
})

t.test('hacrtmqm, halinkmqm: the walkthrough with two nodes -> links, messages go along, and the links go again', async t => {
  const [ha1, ha2] = [new MqHost(t), new MqHost(t)]
  const disk = t.testdir()
  const [data, log] = [path.join(disk, 'data'), path.join(disk, 'log')]
  const name = 'ha.queue.manager'
  await ha1.do('hacrtmqm', [...small, '-md', data, '-ld', log, name])
  const link = path.join(ha1.root, 'qmgrs', 'ha!queue!manager')
  t.equal(fs.readlinkSync(link), path.join(data, 'qmgrs', 'ha!queue!manager'))
  t.ok(fs.existsSync(path.join(ha1.root, 'sockets', 'ha!queue!manager')), 'sockets stay on the node')
  t.match(await ha1.run('hacrtmqm', [...small, '-md', data, '-ld', log, name]), { code: 8 })
  await ha1.do('strmqm', ['-z', name])
  await ha1.do('runmqsc', [name], "define qlocal(HA.QUEUE) defpsist(yes)\ndefine channel(HA.CHANNEL) chltype(svrconn) trptype(tcp) mcauser('mqm')\nend\n")
  await ha1.do('amqsput', ['HA.QUEUE', name], 'Hello\nThis\nis\na\ntest\n')
  await ha1.do('endmqm', ['-i', name])

  t.match(await inProcess(halinkmqm, [name, 'wrong', data], { MQ_DATA_ROOT: ha2.root }), { code: 39, stderr: /ha!queue!manager/ })
  t.match(await inProcess(halinkmqm, [name, 'ha!queue!manager', '/nowhere', 'standby'], { MQ_DATA_ROOT: ha2.root }), { code: 100 })
  for (const time of ['first', 'second']) t.match(await ha2.run('halinkmqm', [name, 'ha!queue!manager', data, 'standby']), { code: 0 }, time)
  await ha2.do('strmqm', ['-z', name])
  t.match(await ha2.do('amqsgbr', ['HA.QUEUE', name, '--wait', '0']).catch(() => ha2.do('amqsget', ['HA.QUEUE', name, '--wait', '0'])), /test/)
  t.match(await ha2.run('haunlinkmqm', [name]), { code: 5 })
  await ha2.do('endmqm', ['-i', name])
  await ha2.do('haunlinkmqm', [name])
  t.notOk(fs.existsSync(path.join(ha2.root, 'qmgrs', 'ha!queue!manager')))
  await ha1.do('hadltmqm', [name])
  t.strictSame([fs.readdirSync(path.join(data, 'qmgrs')), fs.readdirSync(log), fs.existsSync(link)], [[], [], false])
})

t.test('setmquser: a password and a token -> let their users in; wrong ones do not', async t => {
  const host = new MqHost(t)
  const port = await freePort()
  await host.startedQueueManager('Q1', port, small)
  await host.do('runmqsc', ['Q1'], "define channel(APP) chltype(svrconn)\nset chlauth(APP) type(addressmap) address('*') usersrc(channel) chckclnt(required)\n")
  await host.do('setmquser', ['-m', 'Q1', '-u', 'alice'], 'secret\n')
  const token = (await host.do('setmquser', ['-m', 'Q1', '-u', 'billing', '--token'])).trim()
  t.notMatch(fs.readFileSync(path.join(host.root, 'qmgrs', 'Q1', 'users'), 'utf8'), /secret/)
  t.equal(await host.do('setmquser', ['-m', 'Q1', '-l']), 'alice (password)\nbilling (token)\n')
  const address = `tcp://127.0.0.1:${port}`
  await (await connect({ address, channel: 'APP', user: 'alice', password: 'secret' })).close()
  await (await connect({ address, channel: 'APP', token })).close()
  await t.rejects(connect({ address, channel: 'APP', user: 'alice', password: 'wrong' }), /2035/)
  await t.rejects(connect({ address, channel: 'APP', token: 'wrong' }), /2035/)
  await host.do('setmquser', ['-m', 'Q1', '-u', 'alice', '-d'])
  await t.rejects(connect({ address, channel: 'APP', user: 'alice', password: 'secret' }), /2035/)
  const none = setmquserFrom(() => {
    throw new Error('nobody is asked for a password')
  })
  t.match(await inProcess(none, ['-m', 'Q1', '-u', 'bad:name'], { MQ_DATA_ROOT: host.root }), { code: 39 })
  t.match(await inProcess(none, ['-m', 'Q1', '-u', 'nobody', '-d'], { MQ_DATA_ROOT: host.root }), { code: 40 })
})

t.test('rcdmqimg, rcrmqobj: linear and circular logs -> images of the one, 68 for the other', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, '-ll', 'LIN'])
  await host.do('crtmqm', [...small, 'CIRC'])
  await host.do('strmqm', ['-z', 'LIN'])
  await host.do('runmqsc', ['LIN'], 'define qlocal(A) defpsist(yes)\n')
  await host.do('amqsput', ['A', 'LIN'], 'kept\n')
  t.match(await host.run('rcdmqimg', ['-m', 'LIN', '-t', 'queue', 'A*']), { code: 0, stdout: /1 queues/ })
  t.match(await host.run('rcdmqimg', ['-m', 'LIN', '-t', 'queue', 'NONE']), { code: 128 })
  t.match(await host.run('rcdmqimg', ['-m', 'LIN', '-t', 'paint', 'A']), { code: 36 })
  t.match(await host.run('rcrmqobj', ['-m', 'LIN', '-t', 'queue', 'A']), { code: 128 })
  t.match(await host.run('rcdmqimg', ['-m', 'CIRC', '-t', 'queue', '*']), { code: 68 })
  t.match(await host.do('amqsget', ['A', 'LIN', '--wait', '0']), /kept/)
})

t.test('dspmqver: all fields, a mask, values alone, JSON', async t => {
  const env = { MQ_DATA_ROOT: '/tmp' }
  t.match(await inProcess(dspmqver, [], env), { code: 0, stdout: /^Name: {8}\S.*\nVersion: {5}\d+\.\d+\.\d+\n/ })
  t.match(await inProcess(dspmqver, ['-bf', '2'], env), { stdout: /^\d+\.\d+\.\d+\n$/ })
  t.match(JSON.parse((await inProcess(dspmqver, ['--json', '-f', '1024'], env)).stdout), { DataPath: '/tmp' })
  t.match(await inProcess(dspmqver, ['-f', 'x'], env), { code: 20 })
})

t.test('every command: --json -> its own objects, or one with status and lines; refused by those that talk with somebody', async t => {
  const host = new MqHost(t)
  const outcome = async (name: string, ...args: string[]): Promise<unknown> => JSON.parse((await host.run(name, ['--json', ...args])).stdout)
  t.match(await outcome('crtmqm', ...small, 'J'), { command: 'crtmqm', status: 0, output: [/created/, /Directory '.*' created\./], errors: [] })
  t.match(await outcome('crtmqm', ...small, 'J'), { command: 'crtmqm', status: 8, output: [], errors: [/^AMQ8110E/] })
  t.match(await host.run('crtmqm', ['--json', ...small, 'J']), { code: 8, stderr: '' })
  t.match(await outcome('strmqm', 'J'), { status: 0 })
  t.match(await outcome('dspmqinf', 'J'), { name: 'J' })
  t.match(await outcome('endmqm', '-i', 'J'), { command: 'endmqm', status: 0 })
  t.match(await outcome('setmquser', '-m', 'J', '-u', 'bob', '-token'), { user: 'bob', token: /./ })
  t.strictSame(await outcome('setmquser', '-m', 'J', '-u', 'bob', '-d'), { user: 'bob' })
  for (const [name, ...args] of [['runmqsc', 'J'], ['runmqlsr', '-m', 'J', '-t', 'TCP']] as const) {
    t.match(await host.run(name, ['--json', ...args], ''), { code: /^[1-9]/, stdout: '', stderr: /--json is not available/ })
  }
})

t.test('every command: --help -> usage, options and exit statuses', async t => {
  const host = new MqHost(t)
  const names = 'crtmqm strmqm endmqm dltmqm dspmq dspmqver dspmqinf addmqinf rmvmqinf runmqsc runmqlsr endmqlsr dmpmqcfg rcdmqimg rcrmqobj hacrtmqm halinkmqm hadltmqm haunlinkmqm setmquser'.split(' ')
  for (const name of names) t.match(await host.do(name, ['--help']), new RegExp(`^${name}: [^]*\\nusage: ${name}[^]*\\nExit status:\\n`), name)
})
