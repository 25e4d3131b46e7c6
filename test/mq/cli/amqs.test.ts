import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { systemClock } from '../../../src/daemon/system-clock.js'
import { packageRoot, pathsFrom } from '../../../src/daemon/paths.js'
import { amqsbcg, dumpLines } from '../../../src/mq/cli/amqsbcg-program.js'
import { amqsbrowse } from '../../../src/mq/cli/amqsbrowse-program.js'
import { amqsgbr } from '../../../src/mq/cli/amqsgbr-program.js'
import { amqsget, amqsgetc } from '../../../src/mq/cli/amqsget-program.js'
import { amqsput, amqsputc } from '../../../src/mq/cli/amqsput-program.js'
import { amqsghac, amqsmhac, amqsphac } from '../../../src/mq/cli/amqs-reconnecting.js'
import type { SampleContext } from '../../../src/mq/cli/amqs-sample.js'
import { asAdministrator } from '../../lab/command.js'
import { ClientServer, refuseAll } from '../fake/client-server.js'

type Sample = (args: readonly string[], context: SampleContext) => Promise<number>

interface Ran {
  readonly status: number
  readonly out: readonly string[]
  readonly err: readonly string[]
}

async function server(test: Test, options: Parameters<typeof ClientServer.listen>[0] = {}): Promise<ClientServer> {
  const made = await ClientServer.listen(options)
  test.teardown(() => made.close())
  made.define('QLOCAL', 'HA.QUEUE')
  return made
}

async function run(program: Sample, args: readonly string[], given: { readonly env?: NodeJS.ProcessEnv; readonly input?: readonly string[]; readonly onOut?: (line: string) => void } = {}): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const env = given.env ?? {}
  const status = await program(args, {
    env,
    paths: pathsFrom(env),
    clock: systemClock,
    out: line => {
      out.push(line)
      given.onOut?.(line)
    },
    err: line => err.push(line),
    input: Readable.from((given.input ?? []).map(line => `${line}\n`))
  })
  return { status, out, err }
}

const through = (qm: ClientServer): { env: NodeJS.ProcessEnv } => ({ env: { MQSERVER: `HA.CHANNEL/TCP/'127.0.0.1(${qm.port})'` } })

t.test('H4: put five, show and get four, "test" is left, and the end is 2033', async t => {
  const qm = await server(t)
  const put = await run(amqsput, ['HA.QUEUE', 'QM1', '--persistent'], { ...through(qm), input: ['Hello', 'This', 'is', 'a', 'test', '', 'not any more'] })
  t.strictSame(put, { status: 0, out: ['Sample AMQSPUT0 start', 'target queue is HA.QUEUE', 'Sample AMQSPUT0 end'], err: [] })
  const browsed = await run(amqsbrowse, ['HA.QUEUE'], { ...through(qm), input: ['y', 'yes', 'what?', 'Y', 'y', 'n'] })
  t.strictSame(browsed, {
    status: 0,
    out: [
      '1 Hello', 'get it? (y/n)', 'got Hello',
      '2 This', 'get it? (y/n)', 'got This',
      '3 is', 'get it? (y/n)', 'get it? (y/n)', 'got is',
      '4 a', 'get it? (y/n)', 'got a',
      '5 test', 'get it? (y/n)',
      'no more messages: completion code 2, reason 2033'
    ],
    err: []
  })
  t.equal(qm.depth('HA.QUEUE'), 1)
  const got = await run(amqsget, ['HA.QUEUE', '--wait', '0'], through(qm))
  t.strictSame(got, { status: 0, out: ['Sample AMQSGET0 start', 'message <test>', 'no more messages', 'Sample AMQSGET0 end'], err: [] })
})

t.test('amqsbrowse: --yes 2, --json -> two are got, nothing is asked', async t => {
  const qm = await server(t)
  await run(amqsput, ['HA.QUEUE'], { ...through(qm), input: ['1', '2', '3'] })
  const browsed = await run(amqsbrowse, ['HA.QUEUE', '--yes', '2', '--json'], through(qm))
  t.match(browsed.out.map(line => JSON.parse(line) as object), [{ text: '1', got: true }, { text: '2', got: true }, { text: '3', got: false }])
  t.equal(qm.depth('HA.QUEUE'), 1)
})

t.test('amqsgbr, amqsget --json -> shown and left; whole messages as JSON', async t => {
  const qm = await server(t)
  await run(amqsput, ['HA.QUEUE', '--priority', '3', '--no-persistent'], { ...through(qm), input: ['a', 'b'] })
  const browsed = await run(amqsgbr, ['HA.QUEUE'], through(qm))
  t.strictSame(browsed.out, ['Sample AMQSGBR0 (browse) start', 'Messages for HA.QUEUE', '1 a', '2 b', 'no more messages', 'Sample AMQSGBR0 (browse) end'])
  const got = await run(amqsget, ['HA.QUEUE', '--wait', '0', '--json'], through(qm))
  t.match(JSON.parse(got.out[0] ?? ''), { text: 'a', priority: 3, persistent: false, application: 'amqsput', user: 'alice', format: 'MQSTR' })
  t.equal(got.out.length, 2)
})

t.test('amqsbcg: a message -> the descriptor, the dump and the summary of the reference', async t => {
  const qm = await server(t)
  await run(amqsput, ['HA.QUEUE', '--persistent'], { ...through(qm), input: ['test msg1'] })
  const { out, status } = await run(amqsbcg, ['HA.QUEUE', 'QM1'], through(qm))
  t.equal(status, 0)
  const masked = out.map(line => line.replace(/X'414D5120[0-9A-F]{40}'/, "X'414D5120…'").replace(/'\d{8}'    PutTime  : '\d{8}'/, "'date'    PutTime  : 'time'"))
  t.strictSame(masked, [
    'AMQSBCG0 - starts here',
    '**********************',
    ' ',
    " MQOPEN - 'HA.QUEUE'",
    ' ',
    ' ',
    ' MQGET of message number 1, CompCode:0 Reason:0',
    '****Message descriptor****',
    '',
    "  StrucId  : 'MD  '  Version : 2",
    '  Report   : 0  MsgType : 8',
    '  Expiry   : -1  Feedback : 0',
    '  Encoding : 546  CodedCharSetId : 1208',
    "  Format : 'MQSTR   '",
    '  Priority : 0  Persistence : 1',
    "  MsgId : X'414D5120…'",
    `  CorrelId : X'${'0'.repeat(48)}'`,
    '  BackoutCount : 0',
    `  ReplyToQ       : '${' '.repeat(48)}'`,
    out.find(line => line.includes('ReplyToQMgr')),
    '  ** Identity Context',
    "  UserIdentifier : 'alice       '",
    '  AccountingToken :',
    out[23],
    `  ApplIdentityData : '${' '.repeat(32)}'`,
    '  ** Origin Context',
    "  PutApplType    : '6'",
    `  PutApplName    : '${'amqsput'.padEnd(28)}'`,
    "  PutDate  : 'date'    PutTime  : 'time'",
    "  ApplOriginData : '    '",
    '',
    `  GroupId : X'${'0'.repeat(48)}'`,
    "  MsgSeqNumber   : '1'",
    "  Offset         : '0'",
    "  MsgFlags       : '0'",
    "  OriginalLength : '-1'",
    '',
    '****   Message      ****',
    ' ',
    ' length - 9 of 9 bytes',
    '',
    "00000000:  7465 7374 206D 7367 31                  'test msg1       '",
    ' ',
    ' ',
    ' No more messages ',
    ' ',
    ' Messages       : 1',
    ' Smallest bytes : 9',
    ' Largest bytes  : 9',
    ' Average bytes  : 9',
    ' ',
    ' MQCLOSE',
    ' MQDISC'
  ])
  t.equal(qm.depth('HA.QUEUE'), 1)
  t.equal((await run(amqsbcg, ['HA.QUEUE', '--get'], through(qm))).status, 0)
  t.equal(qm.depth('HA.QUEUE'), 0)
})

t.test('amqsbcg: bytes -> sixteen a line, what cannot be printed as a point', async t => {
  t.strictSame(dumpLines(Buffer.from([0, 0x41, 0x7f, 0xff, ...Buffer.from('0123456789abcdef')])), [
    "00000000:  0041 7FFF 3031 3233 3435 3637 3839 6162 '.A..0123456789ab'",
    "00000010:  6364 6566                               'cdef            '"
  ])
})

t.test('failures -> the call, its reason code, and an exit status that shows it', async t => {
  const qm = await server(t)
  t.strictSame(await run(amqsput, ['NONE'], { ...through(qm), input: ['x'] }), {
    status: 2085,
    out: ['Sample AMQSPUT0 start', 'target queue is NONE', 'MQOPEN ended with reason code 2085', 'unable to open queue for output', 'Sample AMQSPUT0 end'],
    err: ['MQRC_UNKNOWN_OBJECT_NAME (2085)']
  })
  t.match(await run(amqsget, ['NONE'], through(qm)), { status: 2085, out: ['Sample AMQSGET0 start', 'MQOPEN ended with reason code 2085', 'unable to open queue for input', 'Sample AMQSGET0 end'] })
  t.match(await run(amqsput, ['HA.QUEUE', 'QM2'], through(qm)), { status: 2058, out: ['Sample AMQSPUT0 start', 'MQCONN ended with reason code 2058', 'Sample AMQSPUT0 end'] })
  const closed = await server(t, refuseAll)
  t.match(await run(amqsput, ['HA.QUEUE', '--user', 'eve'], through(closed)), { status: 2035 })
  t.match(await run(amqsget, ['HA.QUEUE'], { env: { MQSERVER: "C/TCP/'127.0.0.1(1)'" } }), { status: 2538 })
  t.match(await run(amqsget, ['HA.QUEUE', '--conn', 'nonsense'], through(qm)), { status: 2539 })
  t.match(await run(amqsputc, ['HA.QUEUE']), { status: 2539, err: [/MQSERVER/] })
  t.match(await run(amqsput, ['HA.QUEUE', '--password-file', '/nonexistent', '--user', 'x'], through(qm)), { status: 2035 })
})

t.test('wrong use, help and version -> 99 and what is missing; 0', async t => {
  t.match(await run(amqsput, []), { status: 99, out: ['Required parameter missing - queue name'] })
  t.match(await run(amqsget, ['Q', '--wait', 'long']), { status: 99, err: [/seconds/] })
  t.match(await run(amqsget, ['Q', '--wrong']), { status: 99 })
  t.match(await run(amqsput, ['Q', '--priority', '10']), { status: 99 })
  const help = await run(amqsbcg, ['--help'])
  t.equal(help.status, 0)
  t.match(help.out.join('\n'), /Usage: amqsbcg .*<queue> \[queue-manager\]/)
  t.match(await run(amqsget, ['--version']), { status: 0, out: [/^\d+\.\d+\.\d+$/] })
})

t.test('local: the socket below MQ_DATA_ROOT, by name and by default; client-mode twins by MQSERVER', async t => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'amqs-'))
  t.teardown(() => fs.rmSync(root, { recursive: true, force: true }))
  const directory = path.join(root, 'sockets', 'ha!qm')
  fs.mkdirSync(directory, { recursive: true })
  const qm = await server(t, { name: 'ha.qm', path: path.join(directory, 'qmgr.sock') })
  const env = { MQ_DATA_ROOT: root }
  t.match(await run(amqsput, ['HA.QUEUE', 'ha.qm'], { env, input: ['x'] }), { status: 0 })
  t.match(await run(amqsput, ['HA.QUEUE'], { env, input: ['x'] }), { status: 2058 })
  fs.writeFileSync(path.join(root, 'mqs.ini'), 'QueueManager:\n   Name=ha.qm\n   Directory=ha!qm\nDefaultQueueManager:\n   Name=ha.qm\n')
  t.match(await run(amqsput, ['HA.QUEUE'], { env, input: ['y'] }), { status: 0 })
  t.match(await run(amqsput, ['HA.QUEUE', 'none'], { env, input: ['y'] }), { status: 2059 })
  t.equal(qm.depth('HA.QUEUE'), 2)
  const remote = await server(t)
  t.match(await run(amqsputc, ['HA.QUEUE'], { ...through(remote), input: ['z'] }), { status: 0 })
  t.match(await run(amqsgetc, ['HA.QUEUE', '--wait', '0'], through(remote)), { status: 0, out: ['Sample AMQSGET0 start', 'message <z>', 'no more messages', 'Sample AMQSGET0 end'] })
})

t.test('amqsphac, amqsmhac, amqsghac: connections cut meanwhile -> every message once, and the events are told', async t => {
  const qm = await server(t)
  qm.define('QLOCAL', 'TARGET')
  const cutAfter = (text: string) => (line: string) => {
    if (line === text) qm.cut()
  }
  const put = await run(amqsphac, ['HA.QUEUE', '--count', '4', '--interval', '0', '--persistent'], { ...through(qm), onOut: cutAfter('message <Message 2>') })
  t.strictSame(put.out.filter(line => !line.startsWith('EVENT')), [
    'Sample AMQSPHAC start', 'target queue is HA.QUEUE', 'message <Message 1>', 'message <Message 2>', 'message <Message 3>', 'message <Message 4>', 'Sample AMQSPHAC end'
  ])
  t.strictSame(put.out.filter(line => line.startsWith('EVENT')), ['EVENT : Connection Reconnecting', 'EVENT : Connection Reconnected'])
  const moved = await run(amqsmhac, ['-s', 'HA.QUEUE', '-t', 'TARGET', '-w', '0'], through(qm))
  t.strictSame(moved.out, ['Sample AMQSMHAC start', 'no more messages; 4 moved', 'Sample AMQSMHAC end'])
  const got = await run(amqsghac, ['TARGET', '--wait', '0'], { ...through(qm), onOut: cutAfter('message <Message 3>') })
  t.strictSame(got.out.filter(line => line.startsWith('message')), [1, 2, 3, 4].map(number => `message <Message ${number}>`))
})

t.test('bin/amqsput and bin/amqsget as processes -> they end by themselves, also with their input open', async t => {
  const qm = await server(t)
  const bin = path.join(packageRoot(), 'bin')
  const start = (name: string, args: readonly string[]): { child: ReturnType<typeof execFile>; done: Promise<{ code: number | null; out: string }> } => {
    let settle: (result: { code: number | null; out: string }) => void
    const done = new Promise<{ code: number | null; out: string }>(resolve => (settle = resolve))
    const child = execFile('env', asAdministrator([process.execPath, path.join(bin, name), ...args]).slice(1), { env: { ...process.env, ...through(qm).env }, timeout: 20_000 }, (error, out, err) =>
      settle({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, out: out + err })
    )
    return { child, done }
  }
  const put = start('amqsput', ['HA.QUEUE'])
  put.child.stdin?.write('one\n\n') // and stays open
  t.match(await put.done, { code: 0, out: /AMQSPUT0 end/ })
  t.match(await start('amqsget', ['HA.QUEUE', '--wait', '0']).done, { code: 0, out: /message <one>/ })
  t.match(await start('amqsget', ['NONE']).done, { code: 2085 % 256 })
})
