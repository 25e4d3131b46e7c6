/** dmpmqcfg: a dump fed to an empty queue manager makes one with the same dump. */

import t from 'tap'
import { completeDefinition } from '../../../src/mq/mqsc/complete.js'
import { dumpConfiguration, dumpHeader } from '../../../src/mq/mqsc/dump.js'
import type { DumpOptions } from '../../../src/mq/mqsc/dump.js'
import { lineLengthMax } from '../../../src/mq/mqsc/lines.js'
import { fakeEnvironment } from '../fake/fake-administration.js'
import type { FakeEnvironment } from '../fake/fake-administration.js'
import { CoreFixture } from '../fake/core-fixture.js'
import { defaultQueueManager, systemObjects } from '../../../src/mq/mqsc/system-objects.js'
import { runSession } from './session.js'

/** A queue manager with something of everything, and much that is hard to write. */
const commands = [
  "ALTER QMGR DESCR('it''s the first') DEADQ(SYSTEM.DEAD.LETTER.QUEUE) MAXUMSGS(77) MONQ(HIGH)",
  "ALTER QLOCAL(SYSTEM.DEFAULT.LOCAL.QUEUE) MAXDEPTH(77) DESCR('from the default')",
  'DEFINE QLOCAL(A) MAXDEPTH(5000)',
  "DEFINE QLOCAL(B) DESCR(' ') PUT(DISABLED) NOSHARE TRIGGER NOHARDENBO USAGE(XMITQ)",
  "DEFINE QLOCAL('lower.case') DESCR('quotes '' and (parentheses), commas; semicolons +')",
  "DEFINE QLOCAL(MINUS) DESCR('ends with -')",
  "DEFINE QLOCAL(STAR) DESCR('*  two blanks')",
  'DEFINE QALIAS(AL) TARGET(A) GET(DISABLED)',
  "DEFINE QREMOTE(R) RNAME(' ') RQMNAME(QM2) XMITQ(B)",
  'DEFINE QMODEL(M) DEFTYPE(PERMDYN) SHARE',
  "DEFINE CHANNEL(C) CHLTYPE(SVRCONN) MCAUSER('app') MAXINST(5) SSLPEER('CN=a,O=b')",
  "DEFINE CHANNEL(TO.QM2) CHLTYPE(SDR) XMITQ(B) CONNAME('a(1414),b(1415)') PASSWORD('geheim') KAINT(5) COMPMSG(RLE,ZLIBFAST) MSGEXIT('a(b)','c(d)')",
  "DEFINE CHANNEL(CL) CHLTYPE(CLNTCONN) CONNAME('a(1414)') QMNAME(QM1)",
  'DEFINE LISTENER(L) TRPTYPE(TCP) PORT(1415) CONTROL(QMGR)',
  "DEFINE NAMELIST(N) NAMES(A,'lower.case')",
  `DEFINE NAMELIST(LONG) NAMES(${Array.from({ length: 100 }, (_, index) => `A.NAME.THAT.IS.LONG.${index}`).join(',')})`,
  "DEFINE PROCESS(P) APPLICID('/usr/bin/x') APPLTYPE(77)",
  "DEFINE SERVICE(S) SERVTYPE(SERVER) STARTCMD('/bin/x') STARTARG('+MQ_SERVER_PID+')",
  'DEFINE AUTHINFO(AI) AUTHTYPE(IDPWOS) CHCKCLNT(NONE)',
  'ALTER QMGR CONNAUTH(AI)',
  "DEFINE TOPIC(T) TOPICSTR('Prices/gold') PUB(DISABLED) DEFPRTY(7)",
  "DEFINE SUB('my sub') TOPICSTR('Prices/#') DEST(A) SELECTOR('price > 5 AND name = ''x''')",
  "DEFINE SUB(MANAGED) TOPICOBJ(T) DESTCLAS(MANAGED)",
  "SET CHLAUTH('*') TYPE(BLOCKADDR) ADDRLIST('192.0.2.*','2001:DB8::1')",
  "SET CHLAUTH(C) TYPE(ADDRESSMAP) ADDRESS('10.*') MCAUSER('app') CHCKCLNT(REQUIRED)",
  "SET CHLAUTH(C) TYPE(USERMAP) CLNTUSER('Alice') USERSRC(NOACCESS) WARN(YES)",
  "SET CHLAUTH('*') TYPE(BLOCKUSER) ACTION(REMOVEALL)",
  'DELETE PROCESS(SYSTEM.DEFAULT.PROCESS)',
  'DELETE AUTHINFO(SYSTEM.DEFAULT.AUTHINFO.IDPWOS)'
]

/** Long commands as lines that runmqsc takes. */
const linesOf = (command: string): string[] => {
  const lines: string[] = []
  let rest = command
  while (rest.length > 1000) {
    lines.push(`${rest.slice(0, 1000)}-`)
    rest = rest.slice(1000)
  }
  return [...lines, rest]
}

async function rich(): Promise<FakeEnvironment> {
  const environment = fakeEnvironment()
  const report = await runSession(commands.flatMap(linesOf), environment)
  t.equal(report.at(-1), 'exit 0', report.filter(line => /^AMQ.*E:|^AMQ8405/.test(line)).join('\n'))
  environment.administration.define(completeDefinition('SUB', 'long', { TOPICSTR: `${'*'.repeat(5000)}  ${"it's ".repeat(800)}`, DEST: 'A' }))
  return environment
}

async function roundTrip(options: DumpOptions): Promise<{ readonly before: readonly string[]; readonly after: readonly string[]; readonly report: readonly string[] }> {
  const before = dumpConfiguration((await rich()).administration, options)
  const empty = fakeEnvironment()
  const report = await runSession(before, empty)
  return { before, after: dumpConfiguration(empty.administration, options), report }
}

for (const [title, options] of [
  ['differences from the defaults', {}],
  ['all attributes (-a)', { isWhole: true }],
  ['one line (-o 1line)', { format: '1line' }],
  ['two lines (-o 2line)', { format: '2line', isWhole: true }]
] as const) {
  t.test(`round trip: ${title} -> the same dump`, async t => {
    const { before, after, report } = await roundTrip(options)
    t.equal(report.at(-1), 'exit 0', report.filter(line => /^AMQ.*E:|^AMQ8405/.test(line)).join('\n'))
    t.strictSame(after, before)
    t.ok(before.every(line => line.length <= lineLengthMax))
    t.ok(before.length > 20)
  })
}

t.test('round trip: on the real core too', async t => {
  const source = await rich()
  const dump = dumpConfiguration(source.administration)
  const target = new CoreFixture()
  for (const definition of [defaultQueueManager('QM1', {}, 0), ...systemObjects(0)]) t.match(target.qm.define(definition), { ok: true })
  const report = await runSession(dump, { administration: target.qm, facilities: source.facilities })
  t.equal(report.at(-1), 'exit 0', report.filter(line => /^AMQ.*E:|^AMQ8405/.test(line)).join('\n'))
  t.strictSame(dumpConfiguration(target.qm), dump)
})

t.test('format: one attribute a line, REPLACE last', async t => {
  const environment = fakeEnvironment()
  await runSession(["DEFINE QLOCAL(A) MAXDEPTH(7) DESCR('it''s') NOSHARE"], environment)
  t.strictSame(dumpConfiguration(environment.administration, { pattern: 'A', type: 'qlocal' }), ["DEFINE QLOCAL('A') +", "   DESCR('it''s') +", '   MAXDEPTH(7) +', '   NOSHARE +', '   REPLACE'])
  t.strictSame(dumpConfiguration(environment.administration, { pattern: 'A', type: 'qlocal', format: '1line' }), ["DEFINE QLOCAL('A') DESCR('it''s') MAXDEPTH(7) NOSHARE REPLACE"])
})

t.test('choice: by part, type and name', async t => {
  const { administration } = await rich()
  const heads = (options: DumpOptions): string[] => dumpConfiguration(administration, options).filter(line => /^(DEFINE|ALTER|SET|DELETE)/.test(line)).map(line => line.replace(/ \+$/, '').slice(0, 40))
  t.strictSame(heads({ part: 'chlauth', pattern: 'C' }), ["SET CHLAUTH('C')", "SET CHLAUTH('C')"])
  t.strictSame(heads({ part: 'sub' }).length, 4)
  t.strictSame(heads({ type: 'queue', pattern: 'A*' }), ["DEFINE QLOCAL('A')", "DEFINE QALIAS('AL')"])
  t.strictSame(heads({ type: 'clntconn', pattern: 'C*' }), ["DEFINE CHANNEL('CL')"])
  t.strictSame(heads({ type: 'channel', pattern: 'C*' }), ["DEFINE CHANNEL('C')"])
  t.strictSame(heads({ type: 'qmgr' }), ['ALTER QMGR'])
  t.strictSame(heads({ part: 'authrec' }), [])
})

t.test('secrets and queues that come and go are not written', async t => {
  const environment = await rich()
  environment.administration.define(completeDefinition('QLOCAL', 'AMQ.1', { DEFTYPE: 'TEMPDYN' }))
  const dump = dumpConfiguration(environment.administration, { isWhole: true }).join('\n')
  t.notMatch(dump, /geheim|AMQ\.1|SYSTEM\.MANAGED/)
  t.match(dump, /DEFINE SUB\('MANAGED'\)/)
})

t.test('what MQSC cannot write is said in a comment', async t => {
  const environment = fakeEnvironment()
  environment.administration.define(completeDefinition('SUB', 'a\nEND', { TOPICSTR: 'x', DEST: 'A' }))
  const dump = dumpConfiguration(environment.administration, { part: 'sub' })
  t.ok(dump.some(line => line.startsWith("* DEFINE SUB('a.END') cannot be written")))
  t.notOk(dump.some(line => line.includes('\n')))
})

t.test('header: comment lines framed by asterisks', async t => {
  const header = dumpHeader({ wallMs: Date.UTC(2026, 4, 12, 5, 53, 55), user: 'mqm', host: 'node1', queueManager: 'QM1', command: 'dmpmqcfg -m QM1\nEND' })
  t.ok(header.every(line => line.startsWith('*') && !line.includes('\n')))
  t.match(header.join('\n'), /05\.53\.55[\s\S]*mqm[\s\S]*node1[\s\S]*QM1[\s\S]*UNIX/)
})
