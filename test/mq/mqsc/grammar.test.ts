/** Words, quotes, parentheses; what a syntax error shows; that nothing anybody types breaks the parser. */

import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { checkCommand, compileCommand } from '../../../src/mq/mqsc/execute.js'
import { parseCommand } from '../../../src/mq/mqsc/parse.js'
import { objectOf, verbOf } from '../../../src/mq/mqsc/words.js'
import { runSession } from './session.js'

const segmentOf = (text: string): string | undefined => checkCommand(text)?.segment
const idOf = (text: string): string | undefined => checkCommand(text)?.id

t.test('words: synonyms are exact words', async t => {
  t.strictSame(['DEF', 'DIS', 'DSP', 'ALT', 'REF', 'STA', 'DEL'].map(verbOf), ['DEFINE', 'DISPLAY', 'DISPLAY', 'ALTER', 'REFRESH', 'START', 'DELETE'])
  t.strictSame(['DEFI', 'DISP', 'STO', 'SUSP', 'RES', 'END', 'constructor', 'toString'].map(verbOf), new Array(8).fill(null))
  t.strictSame(['QL', 'Q', 'CHL', 'LSTR', 'QS', 'CHS', 'NL', 'PRO'].map(word => objectOf('DISPLAY', word)), ['QLOCAL', 'QUEUE', 'CHANNEL', 'LISTENER', 'QSTATUS', 'CHSTATUS', 'NAMELIST', 'PROCESS'])
  t.equal(objectOf('DEFINE', 'Q'), null, 'a queue without a type cannot be defined')
  t.equal(objectOf('DISPLAY', 'constructor'), null)
})

t.test('values: unquoted text is folded, quoted text is kept, two quotes are one', async t => {
  const parsed = parseCommand("define qlocal(a.b) descr('it''s Me') put(Enabled), share")
  t.ok(parsed.ok && parsed.command !== null)
  if (!parsed.ok || parsed.command === null) return
  t.equal(parsed.command.name?.values?.[0]?.text, 'A.B')
  t.strictSame(parsed.command.parameters.map(({ keyword, values }) => [keyword, values?.map(value => value.text) ?? null]), [
    ['DESCR', ["it's Me"]],
    ['PUT', ['ENABLED']],
    ['SHARE', null]
  ])
})

t.test('blanks: allowed before and within parentheses, commas count as blanks', async t => {
  for (const text of ['DEFINE LISTENER (L1) TRPTYPE (TCP)', 'DEF QL( A )SHARE', 'DEF QL(A),,SHARE , GET(ENABLED)', 'DEF NL(N) NAMES(A B,,C)']) t.equal(checkCommand(text), null, text)
})

t.test('syntax errors show the text up to what is wrong', async t => {
  t.equal(segmentOf('DEFINE QLOCAL(A) MAXDEPTH(5) FOO(1) SHARE'), 'DEFINE QLOCAL(A) MAXDEPTH(5) FOO(1)')
  t.equal(segmentOf("DEFINE QREMOTE (R) RNAME (X) RQMNAME (QMB') XMITQ (Q)"), "DEFINE QREMOTE (R) RNAME (X) RQMNAME (QMB'")
  t.equal(segmentOf('  DISPLAY QMGR LOGTYPE ALL'), 'DISPLAY QMGR LOGTYPE')
  t.equal(segmentOf("DEF QL(A) DESCR('open"), "DEF QL(A) DESCR('open")
  t.equal(segmentOf('DEF QL(A'), 'DEF QL(A')
  t.equal(segmentOf('DEF QL(A))'), 'DEF QL(A))')
  t.equal(segmentOf('DEF QL(A) DESCR(X(Y))'), 'DEF QL(A) DESCR(X(')
  t.equal(segmentOf('DEF QL(A) "SHARE"'), 'DEF QL(A) "')
})

t.test('syntax errors: which id says what', async t => {
  const ids: readonly (readonly [string, string])[] = [
    ['DEFINE QLOCAL', 'AMQ8405'],
    ['DEFINE QLOCAL()', 'AMQ8405'],
    ["DEFINE QLOCAL(' ')", 'AMQ8424'],
    ['DEFINE QLOCAL(A B)', 'AMQ8405'],
    ["DEFINE QLOCAL('A B')", 'AMQ8424'],
    ['DEFINE CHANNEL(A23456789012345678901) CHLTYPE(SVRCONN)', 'AMQ8413'],
    ['DEFINE CHANNEL(C) CHLTYPE(SVRCONN) XMITQ(X)', 'AMQ8405'],
    ['DEFINE CHANNEL(C) CHLTYPE(MQTT)', 'AMQ8425'],
    ['DEFINE CHANNEL(C) CHLTYPE(SVRCONN) KAINT(SOON)', 'AMQ8425'],
    ['DEFINE QLOCAL(A) CURDEPTH(1)', 'AMQ8405'],
    ['DEFINE QLOCAL(A) CRDATE(X)', 'AMQ8405'],
    ['DEFINE QLOCAL(A) SHARE(YES)', 'AMQ8405'],
    ['DEFINE QLOCAL(A) MAXDEPTH', 'AMQ8405'],
    ['DEFINE QALIAS(A) TARGET(B) TARGQ(C)', 'AMQ8411'],
    ['ALTER QLOCAL(A) LIKE(B)', 'AMQ8405'],
    ['ALTER QLOCAL(A) REPLACE', 'AMQ8405'],
    ['ALTER QMGR(QM1) DESCR(X)', 'AMQ8405'],
    ['DELETE QALIAS(A) PURGE', 'AMQ8405'],
    ["DISPLAY QLOCAL('A*B')", 'AMQ8424'],
    ['DISPLAY QLOCAL(A) MAXDEPTH(5)', 'AMQ8405'],
    ['DISPLAY QLOCAL(A) WHERE(MAXDEPTH ABOUT 5)', 'AMQ8405'],
    ['DISPLAY QLOCAL(A) WHERE(MAXDEPTH GT MANY)', 'AMQ8405'],
    ['DISPLAY QLOCAL(A) WHERE(DESCR CT X)', 'AMQ8405'],
    ['DISPLAY QSTATUS', 'AMQ8405'],
    ['SET CHLAUTH(C) ACTION(ADD)', 'AMQ8405'],
    ['CLEAR TOPICSTR(A)', 'AMQ8405'],
    ['RESET QMGR', 'AMQ8405'],
    ['', 'AMQ8405'],
    ['()', 'AMQ8405'],
    ['MOVE QLOCAL(A) TOQLOCAL(B)', 'AMQ8405']
  ]
  for (const [text, id] of ids) t.equal(idOf(text), id, text)
})

t.test('blank values: where an attribute may be blank, (), (\' \') and (\'\') make it so; RNAME() is refused', async t => {
  for (const text of ["ALTER QMGR CONNAUTH('')", 'ALTER QMGR DEADQ()', "ALTER QMGR DEADQ(' ')", "ALTER NL(N) NAMES('')", "ALTER QREMOTE(R) RNAME(' ')"]) t.equal(checkCommand(text), null, text)
  t.equal(idOf('ALTER QREMOTE(R) RNAME()'), 'AMQ8405')
  t.equal(idOf('ALTER QLOCAL(R) MAXDEPTH()'), 'AMQ8405')
})

t.test('verifying and running refuse the same', async t => {
  const ran = await runSession(['DEF QL(A) FOO', 'DEF QL(A) PUT(X)', 'DIS QMGR NOSUCH'])
  t.equal(ran.includes('3 commands have a syntax error.'), true)
})

t.test('fuzz: whatever is typed -> an answer, never an exception', async t => {
  const seed = Number(process.env['HA_SEED'] ?? 20260512)
  const prng = new Prng(seed)
  const pieces = [
    'DEFINE', 'ALTER', 'DISPLAY', 'DELETE', 'SET', 'START', 'STOP', 'CLEAR', 'RESET', 'REFRESH', 'PING', 'QLOCAL', 'QMGR', 'CHANNEL', 'CHLAUTH', 'TOPIC', 'SUB', 'CONN', 'QSTATUS',
    'CHSTATUS', 'NAMELIST', 'TPSTATUS', '(', ')', ',', "'", "''", ' ', '\t', '*', 'A', 'A*', "'a b'", 'MAXDEPTH', 'DESCR', 'WHERE', 'GT', 'EQ', 'LK', 'CT', '5', '-1', '99999999999999999999', 'ALL', 'TYPE',
    'CHLTYPE', 'SVRCONN', 'LIKE', 'REPLACE', 'NOREPLACE', 'SHARE', 'NAMES', 'constructor', '__proto__', 'é', '\u0000', '"', ';', '?', 'TOPICSTR', 'DEST', 'ADDRESS', "'10.*'", 'ACTION', 'REMOVEALL'
  ]
  for (let round = 0; round < 20_000; round += 1) {
    const text = Array.from({ length: prng.between(1, 14) }, () => prng.pick(pieces)).join(prng.chance(1, 2) ? ' ' : '')
    const compiled = compileCommand(text)
    if (compiled.ok) continue
    const { fault } = compiled
    if (fault.segment !== '' && !text.includes(fault.segment)) t.fail(`the segment is part of the command: ${JSON.stringify(text)}`)
  }
  const runs = await runSession(Array.from({ length: 2000 }, () => Array.from({ length: prng.between(2, 10) }, () => prng.pick(pieces)).join(' ')))
  t.match(runs.at(-1), /^exit (0|10)$/)
  t.pass(`seed ${seed}`)
})

t.test('long input -> refused quickly, not parsed', async t => {
  t.equal(idOf(`DEF QL(A) DESCR('${'x'.repeat(40_000)}')`), 'AMQ8405')
  t.equal(idOf(`DEF NL(A) NAMES(${'A,'.repeat(16_000)}A)`), 'AMQ8405')
  t.equal(idOf(`DEF QL(A) ${"'".repeat(32_001)}`), 'AMQ8405')
})
