/** The report around the answers: banner, echoes, the three counting lines, exit codes, -e, -v, no queue manager. */

import t from 'tap'
import { checkCommand } from '../../../src/mq/mqsc/execute.js'
import { explanationOf } from '../../../src/mq/mqsc/explanations.js'
import { insertsOf, messageIds, messageLine, messageText, severityOf } from '../../../src/mq/mqsc/messages.js'
import { ReportWriter } from '../../../src/mq/mqsc/report.js'

const done = { outcome: 'done', lines: ['AMQ8415I: x'] } as const
const failed = { outcome: 'failed', lines: ['AMQ8147E: x'] } as const
const syntax = { outcome: 'syntax', lines: ['AMQ8405I: x', 'DIS', ''] } as const
const reportOf = (...results: readonly (typeof done | typeof failed | typeof syntax)[]): { readonly lines: readonly string[]; readonly exitCode: number } => {
  const report = new ReportWriter({ banner: 'product' })
  for (const result of results) report.result(result)
  return { lines: report.finish(), exitCode: report.exitCode }
}

t.test('report: the forms of the counting lines and the exit codes', async t => {
  t.strictSame(reportOf(), { lines: ['No MQSC commands read.'], exitCode: 0 })
  t.strictSame(reportOf(done), { lines: ['One MQSC command read.', 'No commands have a syntax error.', 'All valid MQSC commands were processed.'], exitCode: 0 })
  t.strictSame(reportOf(done, failed), { lines: ['2 MQSC commands read.', 'No commands have a syntax error.', 'One valid MQSC command could not be processed.'], exitCode: 10 })
  t.strictSame(reportOf(syntax), { lines: ['One MQSC command read.', 'One command has a syntax error.', 'All valid MQSC commands were processed.'], exitCode: 10 })
  t.strictSame(reportOf(syntax, syntax, failed, failed), { lines: ['4 MQSC commands read.', '2 commands have a syntax error.', '2 valid MQSC commands could not be processed.'], exitCode: 10 })
})

t.test('report: banner, name, two empty lines', async t => {
  t.strictSame(new ReportWriter({ banner: 'product' }).start('QM1'), ['product', 'Starting MQSC for queue manager QM1.', '', ''])
})

t.test('report: no queue manager -> banner, message, an empty line, the count, exit code 20', async t => {
  const report = new ReportWriter({ banner: 'product' })
  t.strictSame([...report.refuse('AMQ8146', 'QM1'), ...report.finish()], ['product', 'AMQ8146E: Queue manager QM1 not available.', '', 'No MQSC commands read.'])
  t.equal(report.exitCode, 20)
})

t.test('report: numbers are right-aligned in six columns, lines without one have seven blanks', async t => {
  const report = new ReportWriter({ banner: 'product' })
  t.strictSame(report.echo({ kind: 'echo', number: 1, text: 'PING QMGR' }), ['     1 : PING QMGR'])
  t.strictSame(report.echo({ kind: 'echo', number: 123_456, text: 'X' }), ['123456 : X'])
  t.strictSame(report.echo({ kind: 'echo', number: null, text: '* c' }), ['       : * c'])
  t.strictSame(new ReportWriter({ banner: 'product', isEchoing: false }).echo({ kind: 'echo', number: 1, text: 'PING QMGR' }), [], '-e')
})

t.test('report: -v counts what is wrong without running anything', async t => {
  const report = new ReportWriter({ banner: 'product' })
  t.strictSame(report.verified(checkCommand('DEFINE QLOCAL(A)')), [])
  t.match(report.verified(checkCommand('DEFINE QLOCAL(A) FOO')), [/^AMQ8405I: .*FOO/, 'DEFINE QLOCAL(A) FOO', ''])
  t.strictSame(report.finish(), ['2 MQSC commands read.', 'One command has a syntax error.', 'All valid MQSC commands were processed.'])
})

t.test('messages: id, letter, text with its inserts', async t => {
  t.equal(messageLine('AMQ8147', 'A'), 'AMQ8147E: Object A not found.')
  t.equal(messageText('AMQ8001', 'QM1'), 'Queue manager QM1 created.')
  t.equal(severityOf('AMQ8149'), 'S')
  t.equal(messageLine('AMQ8147', 'a\nb\u001b[2J'), 'AMQ8147E: Object a.b.[2J not found.', 'inserts end no line and move no cursor')
  for (const id of messageIds) t.match(messageLine(id, ...new Array<string>(insertsOf(id)).fill('x')), /^AMQ\d{4}[IWEST]: [^%]+(\.|:|:-)$/, id)
  t.throws(() => messageLine('AMQ8147'))
})

t.test('messages: those of the error log say what it means and what to do', async t => {
  for (const id of ['AMQ5008', 'AMQ6709', 'AMQ7279', 'AMQ7463', 'AMQ7469', 'AMQ8003', 'AMQ8004', 'AMQ9207', 'AMQ9218', 'AMQ9271', 'AMQ9694', 'AMQ9776', 'AMQ9777', 'AMQ9999'] as const) {
    const { explanation, action } = explanationOf(id)
    t.ok(explanation.length > 20 && action.length > 10, id)
  }
  for (const id of messageIds) t.ok(explanationOf(id).action.length > 0, id)
})
