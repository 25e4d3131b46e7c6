import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { ErrorLog, formatEntry } from '../../../src/mq/installation/error-log.js'
import type { ErrorLogOptions } from '../../../src/mq/installation/error-log.js'

const wall = new Date(2026, 2, 1, 13, 5, 9).getTime()

function logIn(test: Test, more: Partial<ErrorLogOptions> = {}): { readonly log: ErrorLog; readonly directory: string; readonly troubles: string[] } {
  const directory = test.testdir()
  const troubles: string[] = []
  const log = new ErrorLog({
    directory,
    queueManager: 'QM1',
    program: 'queue-manager',
    user: 'mqm',
    host: 'ha1',
    version: '1.2.3',
    bytesMax: 32_768,
    wallMs: () => wall,
    onTrouble: text => troubles.push(text),
    ...more
  })
  return { log, directory, troubles }
}

t.test('error log: an entry -> heading, summary, explanation, action, and a rule of 80 characters', async t => {
  const text = formatEntry(
    { id: 'AMQ9218', severity: 'E', summary: 'Could not bind to port 1414.', explanation: 'word '.repeat(40).trim(), source: 'listeners' },
    { program: 'queue-manager', user: 'mqm', host: 'ha1', version: '1.2.3', queueManager: 'QM1', wallMs: () => wall }
  )
  const lines = text.split('\n')
  t.match(lines[0], /^03\/01\/2026 01:05:09 PM - Process\(\d+\.1\) User\(mqm\) Program\(queue-manager\)$/)
  t.equal(lines[1], '                    Host(ha1) Installation(Installation1)')
  t.equal(lines[2], '                    VRMF(1.2.3) QMgr(QM1)')
  t.equal(lines[3], 'AMQ9218E: Could not bind to port 1414.')
  t.ok(lines.every(line => line.length <= 80))
  t.match(lines.at(-2), /^----- listeners -+$/)
  t.equal(lines.at(-2)?.length, 80)
})

t.test('error log: a summary with line feeds and control characters -> one line that forges nothing', async t => {
  const text = formatEntry({ id: 'AMQ9999', severity: 'E', summary: 'a\nAMQ8003I: forged\u001b[2J' }, { program: 'p', user: 'u', host: 'h', version: '1', queueManager: '', wallMs: () => wall })
  t.notMatch(text, /^AMQ8003I/m)
  t.notMatch(text, /\u001b/)
})

t.test('error log: grown beyond its size -> 01 becomes 02, 02 becomes 03, 03 is lost', async t => {
  const { log, directory } = logIn(t)
  const big = 'x'.repeat(4_000)
  for (let count = 0; count < 40; count += 1) {
    log.write({ id: 'AMQ9999', severity: 'E', summary: `${count} ${big}` })
    await log.flush()
  }
  t.strictSame(fs.readdirSync(directory).sort(), ['AMQERR01.LOG', 'AMQERR02.LOG', 'AMQERR03.LOG'])
  for (const name of fs.readdirSync(directory)) t.ok(fs.statSync(path.join(directory, name)).size <= 32_768)
  t.match(fs.readFileSync(path.join(directory, 'AMQERR01.LOG'), 'utf8'), /^AMQ9999E: 39 x/m)
})

t.test('error log: deleted while it is written -> made again by the next entry', async t => {
  const { log, directory } = logIn(t)
  log.write({ id: 'AMQ8003', severity: 'I', summary: 'one' })
  await log.flush()
  fs.rmSync(path.join(directory, 'AMQERR01.LOG'))
  log.write({ id: 'AMQ8003', severity: 'I', summary: 'two' })
  await log.flush()
  t.match(fs.readFileSync(log.path, 'utf8'), /two/)
})

t.test('error log: a directory that went away -> said once, entries counted, and the count told when it is back', async t => {
  const { log, directory, troubles } = logIn(t)
  fs.rmSync(directory, { recursive: true })
  for (let count = 0; count < 3; count += 1) {
    log.write({ id: 'AMQ8003', severity: 'I', summary: 'lost' })
    await log.flush()
  }
  t.equal(troubles.length, 1)
  t.equal(log.lost, 3)
  fs.mkdirSync(directory)
  log.write({ id: 'AMQ8003', severity: 'I', summary: 'kept' })
  await log.flush()
  t.match(fs.readFileSync(log.path, 'utf8'), /3 entries of this log were lost/)
  t.equal(log.lost, 0)
})

t.test('error log: more entries than may wait -> the rest is counted, memory is bounded', async t => {
  const { log } = logIn(t, { bytesMax: 10_000_000 })
  for (let count = 0; count < 2_500; count += 1) log.write({ id: 'AMQ8003', severity: 'I', summary: 'flood' })
  t.ok(log.lost > 0)
  await log.flush()
  t.match(fs.readFileSync(log.path, 'utf8'), /entries of this log were lost/)
})

t.test('error log: last words -> in the file when the call returns, with what waited before them', async t => {
  const { log } = logIn(t)
  log.write({ id: 'AMQ8003', severity: 'I', summary: 'first' })
  t.ok(log.fatal({ id: 'AMQ7279', severity: 'S', summary: 'last' }))
  t.match(fs.readFileSync(log.path, 'utf8'), /AMQ7279S: last/)
  await log.flush()
})

t.test('error log: excluded messages -> never written', async t => {
  const { log } = logIn(t, { excluded: ['AMQ9999'] })
  log.write({ id: 'AMQ9999', severity: 'E', summary: 'noise' })
  await log.flush()
  t.notOk(fs.existsSync(log.path))
})
