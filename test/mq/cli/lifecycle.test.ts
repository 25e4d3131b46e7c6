/** The commands as people and cluster managers use them: real processes, in a data root of their own. */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { crtmqm } from '../../../src/mq/cli/crtmqm-program.js'
import { asAdministrator, basicEnvironment } from '../../lab/command.js'
import { projectDirectory } from '../../lab/lab.js'
import { MqHost, freePort } from '../host.js'
import { inProcess } from './in-process.js'

/** Small log files: creating them is most of the time of a test. */
const small = ['-lf', '64'] as const

t.test('crtmqm, dspmq, dltmqm: a name with dots -> ! in its directories, statistics, and everything gone in the end', async t => {
  const host = new MqHost(t)
  t.match(await host.do('crtmqm', [...small, 'ha.queue.manager']), /^Queue manager ha\.queue\.manager created\.\nDirectory '.*\/qmgrs\/ha!queue!manager' created\.\n[^]*Default objects statistics : \d+ created\. 0 replaced\. 0 failed\.\n[^]*Setup completed\.\n$/)
  t.ok(fs.readdirSync(path.join(host.root, 'log', 'ha!queue!manager', 'active')).some(name => /^S\d{7}\.LOG$/.test(name)))
  const [line = ''] = (await host.do('dspmq', [])).split('\n')
  t.equal(line.indexOf('STATUS(Ended immediately)'), 58, 'the status begins in column 58')
  t.match(await host.run('crtmqm', ['ha.queue.manager']), { code: 8, stderr: /^AMQ8110E/ })
  await host.do('crtmqm', [...small, 'ha/b'])
  t.ok(fs.existsSync(path.join(host.root, 'qmgrs', 'ha&b', 'qm.ini')))
  t.equal(await host.do('dltmqm', ['ha.queue.manager']), 'Queue manager ha.queue.manager deleted.\n')
  t.strictSame(fs.readdirSync(path.join(host.root, 'qmgrs')), ['ha&b'])
  t.strictSame(fs.readdirSync(path.join(host.root, 'log')), ['ha&b'])
  t.match(await host.run('dltmqm', ['ha.queue.manager']), { code: 16, stderr: /^AMQ8118E/ })
})

t.test('crtmqm: a directory of the name that is not empty -> .000; an empty one is used', async t => {
  const host = new MqHost(t)
  fs.mkdirSync(path.join(host.root, 'qmgrs', 'Q1'), { recursive: true })
  fs.mkdirSync(path.join(host.root, 'qmgrs', 'Q2'), { recursive: true })
  fs.writeFileSync(path.join(host.root, 'qmgrs', 'Q1', 'something'), '')
  await host.do('crtmqm', [...small, 'Q1'])
  await host.do('crtmqm', [...small, 'Q2'])
  t.strictSame(fs.readdirSync(path.join(host.root, 'qmgrs')).sort(), ['Q1', 'Q1.000', 'Q2'])
  t.match(await host.do('dspmqinf', ['Q1']), /Directory=Q1\.000/)
})

t.test('crtmqm: wrong names, numbers and combinations -> a code of its own, and nothing is created', async t => {
  const host = new MqHost(t)
  const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [[], 39, /QMgrName is missing/],
    [['A B'], 72, /AMQ7048E/],
    [['A'.repeat(49)], 72, /AMQ7048E/],
    [['-lp', '1', 'Q'], 39, /2 to 510/],
    [['-lf', '63', 'Q'], 39, /64 to 65535/],
    [['-lp', '510', '-ls', '509', 'Q'], 115, /more than 511/],
    [['-lc', '-ll', 'Q'], 39, /exclude each other/],
    [['-lln', 'Q'], 39, /-lln is not available here/],
    [['-p', '65536', 'Q'], 39, /1 to 65535/],
    [['-u', 'bad name', 'Q'], 39, /not the name of a queue/],
    [['-c', 'x'.repeat(65), 'Q'], 39, /64 characters/],
    [['-sx', 'Q'], 39, /not available here/],
    [['-y', 'Q'], 39, /-y is not known/],
    [['-ld', '/proc/nowhere', 'Q'], 100, /AMQ7064E/]
  ]
  for (const [args, code, says] of cases) t.match(await inProcess(crtmqm, args, { MQ_DATA_ROOT: host.root }), { code, stderr: says }, args.join(' '))
  t.equal(await host.do('dspmq', ['--json']), '[]\n')
  t.strictSame(fs.existsSync(path.join(host.root, 'qmgrs')) ? fs.readdirSync(path.join(host.root, 'qmgrs')) : [], [])
})

t.test('crtmqm -ll, -lla: files of a linear log that no recovery needs -> kept by the one, deleted by the other', async t => {
  const host = new MqHost(t)
  const firstFile = async (name: string, option: string): Promise<string> => {
    await host.do('crtmqm', [option, '-lf', '64', '-lp', '4', '-ls', '2', name])
    await host.do('strmqm', [name])
    await host.mqsc(name, 'DEFINE QLOCAL(Q) MAXMSGL(100000)')
    await using connection = await host.connect(name)
    await using queue = await connection.openQueue('Q')
    for (let number = 0; number < 100; number += 1) {
      await queue.put(Buffer.alloc(50_000), { persistent: true })
      await queue.get()
    }
    await host.do('endmqm', ['-i', name])
    return fs.readdirSync(path.join(host.root, 'log', name, 'active')).filter(file => /^S\d+\.LOG$/.test(file)).sort()[0] ?? ''
  }
  t.equal(await firstFile('MAN', '-ll'), 'S0000000.LOG')
  t.ok((await firstFile('AUTO', '-lla')) > 'S0000009.LOG', 'the first ones are gone')
  t.match(fs.readFileSync(path.join(host.root, 'qmgrs/AUTO/qm.ini'), 'utf8'), /LogManagement=AUTOMATIC/)
  const archived = path.join(host.root, 'qmgrs/MAN/qm.ini')
  fs.writeFileSync(archived, fs.readFileSync(archived, 'utf8').replace('LogManagement=MANUAL', 'LogManagement=Archive'))
  t.match(await host.run('strmqm', ['MAN']), { code: 71, stderr: /LogManagement[\s\S]*MANUAL, AUTOMATIC/ })
})

t.test('strmqm: the lines of a start in order; a second one -> 5; kill -9 -> ended unexpectedly, and it starts again', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  const said = (await host.do('strmqm', ['Q1'])).split('\n')
  t.match(said, [/is starting/, /Installation1/, /log records were read .* replay/, /replay .* complete/, /transactions .* recovered/, /0 of 0 transactions/, /Q1 started, version/, ''])
  t.match(await host.run('strmqm', ['Q1']), { code: 5, stderr: /^AMQ7005E/ })
  t.match(await host.do('dspmq', ['-o', 'all', '-x', '-n']), /STATUS\(RUNNING\) DEFAULT\(no\) STANDBY\(Not permitted\) INSTNAME\(Installation1\).*\n {4}INSTANCE\(.+\) MODE\(Active\)\n$/)
  t.equal((await host.run('dspmq', ['-a'])).code, 5)
  t.match(await host.run('dltmqm', ['Q1']), { code: 5 })
  t.match(await host.run('rmvmqinf', ['Q1']), { code: 5 })
  await host.do('runmqsc', ['Q1'], 'define qlocal(KEPT) defpsist(yes)\n')
  await host.do('amqsput', ['KEPT', 'Q1'], 'Hello\n')
  await host.kill('Q1')
  t.match(await host.do('dspmq', []), /STATUS\(Ended unexpectedly\)/)
  await host.do('strmqm', ['Q1'])
  t.match(await host.do('amqsbcg', ['KEPT', 'Q1']), /Hello/)
  t.match(fs.readFileSync(path.join(host.root, 'qmgrs', 'Q1', 'errors', 'AMQERR01.LOG'), 'utf8'), /AMQ5009S: .* ended unexpectedly/)
})

t.test('endmqm: every mode -> ends, with its lines and its recorded state', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  for (const [flag, words, state] of [
    ['-w', /accepted the request to quiesce[^]*Waiting[^]*ended\.\n$/, 'Ended normally'],
    ['-i', /ending\.\n.*ended\.\n$/, 'Ended immediately'],
    ['-p', /ending\.\n.*ended\.\n$/, 'Ended pre-emptively'],
    ['-wr', /ended\.\n$/, 'Ended normally']
  ] as const) {
    await host.do('strmqm', ['-z', 'Q1'])
    t.match(await host.do('endmqm', [flag, 'Q1']), words, flag)
    t.match(await host.do('dspmq', ['-m', 'Q1']), `STATUS(${state})`, flag)
    t.equal(host.pid('Q1'), null)
  }
  t.match(await host.run('endmqm', ['Q1']), { code: 40, stderr: /^AMQ8146E/ })
  t.match(await host.run('endmqm', ['NONE']), { code: 16, stderr: /^AMQ8118E/ })
  t.match(await host.run('endmqm', []), { code: 39 })
  t.match(await host.run('endmqm', ['-i', '-p', 'Q1']), { code: 39 })
})

t.test('endmqm -c with a program connected: quiesces until it leaves; -tp ends it all the same', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  await host.do('strmqm', ['-z', 'Q1'])
  const program = await host.connect('Q1')
  await host.do('endmqm', ['-c', 'Q1'])
  t.match(await host.do('dspmq', []), /STATUS\(Quiescing\)/)
  t.match(await host.run('strmqm', ['Q1']), { code: 49 })
  t.match(await host.run('runmqsc', ['Q1'], 'ping qmgr\n'), { code: 20 }, 'nobody new comes in')
  await host.do('endmqm', ['-w', '-tp', '2', 'Q1'])
  t.equal(host.pid('Q1'), null)
  await program.close()
})

t.test('endmqm -p: a process that does not react -> killed, and said to have ended pre-emptively', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  await host.do('strmqm', ['-z', 'Q1'])
  const pid = host.pid('Q1')
  if (pid === null) throw new Error('Q1 does not run')
  process.kill(pid, 'SIGSTOP')
  t.match(await host.run('endmqm', ['-p', 'Q1']), { code: 0 })
  t.match(await host.do('dspmq', []), /STATUS\(Ended pre-emptively\)/)
})

t.test('strmqm: cut off while it starts -> nothing comes up afterwards', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  const [file = '', ...words] = asAdministrator([process.execPath, path.join(projectDirectory, 'bin', 'strmqm'), 'Q1'])
  const strmqm = spawn(file, words, { env: { ...basicEnvironment, MQ_DATA_ROOT: host.root }, stdio: 'ignore' })
  const pidFile = path.join(host.root, 'sockets', 'Q1', 'pid')
  const until = performance.now() + 30_000
  while (!fs.existsSync(pidFile) && performance.now() < until) await new Promise(resolve => setImmediate(resolve))
  strmqm.kill('SIGKILL')
  while (host.pid('Q1') !== null && performance.now() < until) await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(host.pid('Q1'), null)
  t.notMatch(await host.do('dspmq', []), /Running/)
  await host.do('strmqm', ['Q1'])
})

t.test('strmqm: what is not there, not ours, newer or damaged -> a code of its own, and nothing changed', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  await host.do('crtmqm', [...small, 'Q2'])
  const data = path.join(host.root, 'qmgrs', 'Q1')
  const log = path.join(host.root, 'log', 'Q1')
  t.match(await host.run('strmqm', ['NONE']), { code: 16, stderr: /^AMQ8118E/ })
  t.match(await host.run('strmqm', ['bad name']), { code: 72 })
  t.match(await host.run('strmqm', []), { code: 72, stderr: /No default queue manager/ })
  t.match(await host.run('strmqm', ['-x', 'Q1']), { code: 39, stderr: /standby instances are not available yet/ })

  const tried = async (code: number, says: RegExp, what: string): Promise<void> => {
    t.match(await host.run('strmqm', ['Q1']), { code, stderr: says }, what)
    t.match(await host.do('dspmq', ['-m', 'Q1']), /STATUS\(Ended immediately\)/, `${what}: the state is what it was`)
  }
  const ini = path.join(data, 'qm.ini')
  const text = fs.readFileSync(ini, 'utf8')
  fs.writeFileSync(ini, `${text}Log:\n   LogPrimaryFiles=1000\n   Paint=red\n`)
  await tried(71, /AMQ7075E.*Paint[^]*AMQ7076E.*'1000'/, 'faults in qm.ini')
  fs.writeFileSync(ini, text)

  const status = path.join(data, 'qmstatus.ini')
  const recorded = fs.readFileSync(status, 'utf8')
  fs.writeFileSync(status, recorded.replace('DataVersion=1', 'DataVersion=2'))
  t.match(await host.run('strmqm', ['Q1']), { code: 23, stderr: /version 2; this program knows versions up to 1/ }, 'a directory of a newer version')
  fs.writeFileSync(status, recorded)

  fs.renameSync(log, `${log}.away`)
  fs.cpSync(path.join(host.root, 'log', 'Q2'), log, { recursive: true })
  await tried(23, /AMQ7017E/, 'the log of another queue manager')
  fs.rmSync(log, { recursive: true })
  await tried(23, /AMQ7017E/, 'no log at all')
  fs.renameSync(`${log}.away`, log)

  fs.renameSync(data, `${data}.away`)
  t.match(await host.run('strmqm', ['Q1']), { code: 100, stderr: /^AMQ7001E/ }, 'a data directory that is not mounted')
  t.match(await host.do('dspmq', ['-m', 'Q1']), /STATUS\(Status not available\)/)
  t.match(await host.run('dltmqm', ['Q1']), { code: 100 }, 'what cannot be reached is not forgotten')
  fs.renameSync(`${data}.away`, data)
  await host.do('strmqm', ['Q1'])
})

t.test('NPMCLASS: NORMAL and HIGH messages -> what each end leaves of them', async t => {
  const host = new MqHost(t)
  await host.do('crtmqm', [...small, 'Q1'])
  await host.do('strmqm', ['-z', 'Q1'])
  await host.do('runmqsc', ['Q1'], 'define qlocal(LOW)\ndefine qlocal(HIGH) npmclass(high)\ndefine qlocal(SAFE) defpsist(yes)\n')
  const left = async (): Promise<Record<string, boolean>> => {
    const found: Record<string, boolean> = {}
    for (const queue of ['LOW', 'HIGH', 'SAFE']) found[queue] = /message <x>/.test((await host.run('amqsget', [queue, 'Q1', '--wait', '0'])).stdout)
    return found
  }
  const put = async (): Promise<void> => {
    for (const queue of ['LOW', 'HIGH', 'SAFE']) await host.do('amqsput', [queue, 'Q1'], 'x\n')
  }
  for (const [how, keeps] of [['-i', true], ['-w', true], ['-p', false]] as const) {
    await put()
    await host.do('endmqm', [how, 'Q1'])
    await host.do('strmqm', ['-z', 'Q1'])
    t.strictSame(await left(), { LOW: false, HIGH: keeps, SAFE: true }, `endmqm ${how}`)
  }
  await put()
  await host.kill('Q1')
  await host.do('strmqm', ['-z', 'Q1'])
  t.strictSame(await left(), { LOW: false, HIGH: false, SAFE: true }, 'kill -9')
})

t.test('listener: defined by crtmqm -p -> accepts when strmqm returns; runmqlsr adds one until endmqlsr', async t => {
  const host = new MqHost(t)
  const [port, other] = [await freePort(), await freePort()]
  await host.startedQueueManager('Q1', port, small)
  t.match(await host.do('runmqsc', ['Q1'], `display lsstatus(*) port\n`), `PORT(${port})`)
  t.match(await host.run('runmqlsr', ['-m', 'Q1', '-p', String(other)]), { code: 20, stderr: /-t TCP is required/ })
  t.match(await host.run('runmqlsr', ['-t', 'TCP', '-m', 'Q1', '-p', String(port)]), { code: 20, stderr: /AMQ9218E/ })
  const listening = host.run('runmqlsr', ['-t', 'TCP', '-m', 'Q1', '-p', String(other)])
  const until = performance.now() + 30_000
  while (!(await host.do('runmqsc', ['Q1'], 'display lsstatus(*) port\n').catch(() => '')).includes(`PORT(${other})`) && performance.now() < until) continue
  await host.do('endmqlsr', ['-w', '-m', 'Q1'])
  t.equal((await listening).code, 4)
})
