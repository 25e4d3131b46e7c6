import t from 'tap'
import { readStatus } from '../../src/agent/status-words.js'

const foreign = (text: string, exitCode: number | null) => readStatus({ text, exitCode, own: false })

t.test('status words: the table of Linux-HA -> read as it was', async test => {
  const table: ReadonlyArray<readonly [string, number, string]> = [
    ['svc is running', 0, 'running'],
    ['svc (pid 12) Running', 0, 'running'],
    ['INFO:  Running OK', 0, 'running'],
    ['OK', 0, 'running'],
    ['svc is not running', 3, 'stopped'],
    ['NOT running', 3, 'stopped'],
    ['Not\nRunning', 3, 'running'], // no blank after "Not": Linux-HA's pattern does not match either
    ['is stopped', 3, 'stopped'],
    ['unused', 3, 'stopped'],
    ['svc runs', 3, 'stopped'],
    ['RUNNING', 3, 'stopped'],
    ['not OK', 0, 'running'],
    ['INFO:  Resource is stopped', 7, 'stopped'],
    ['line one\nnot yet\nbut running', 3, 'stopped']
  ]
  for (const [text, exitCode, kind] of table) test.equal(foreign(text, exitCode).kind, kind, JSON.stringify(text))
})

t.test('status words: words and exit code disagree -> the words decide, and it is said', async test => {
  test.match(foreign('is running', 3), { kind: 'running', note: /ambiguous/ })
  test.match(foreign('is stopped', 0), { kind: 'stopped', note: /ambiguous/ })
  test.equal(foreign('is running', 0).note, null)
  test.equal(foreign('is stopped', 3).note, null)
})

t.test('status words: silence -> the exit code decides', async test => {
  test.equal(foreign('', 0).kind, 'running')
  test.equal(foreign(' \n', 3).kind, 'stopped')
  test.equal(foreign('', 7).kind, 'stopped')
  for (const code of [1, 2, 4, 5, 6, 127, 255]) test.match(foreign('', code), { kind: 'unknown', note: /printed nothing/ })
})

t.test('status words: texts that say they cannot tell -> unknown, not stopped', async test => {
  test.equal(foreign('cannot determine status, may be running', 1).kind, 'unknown', 'drbddisk')
  for (const text of ['ERROR:  Generic error', 'ERROR:  Program is not installed', 'ERROR:  Unknown error: 137', 'is running?\nERROR:  Generic error'])
    test.equal(foreign(text, 1).kind, 'unknown', text)
})

t.test('status words: ended by a signal -> unknown whatever was said', async test => {
  test.equal(foreign('is running', null).kind, 'unknown')
  test.equal(readStatus({ text: '', exitCode: null, own: true }).kind, 'unknown')
})

t.test('status words: own scripts -> the exit code alone', async test => {
  const own = (exitCode: number) => readStatus({ text: 'running', exitCode, own: true }).kind
  test.strictSame([0, 3, 4, 1, 2, 7, 127].map(own), ['running', 'stopped', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown'])
})
