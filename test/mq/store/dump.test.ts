/** dmpmqlog: a log as it is on disk, in lines for people and for programs; damage is a line, and nothing is written. */

import fs from 'node:fs'
import t from 'tap'
import { dmpmqlog } from '../../../src/mq/cli/dmpmqlog-program.js'
import { dumpLog, type DumpLine, type DumpOptions } from '../../../src/mq/store/dump.js'
import type { SimDisk } from '../sim/sim-disk.js'
import { establish, Session, size } from '../sim/established.js'
import { logDirectory } from '../sim/sim-life.js'

async function linesOf(disk: SimDisk, options: DumpOptions = {}): Promise<DumpLine[]> {
  const lines: DumpLine[] = []
  const generator = dumpLog(disk.attach(), logDirectory, options)
  for (let next = await disk.finish(generator.next()); next.done !== true; next = await disk.finish(generator.next())) lines.push(next.value)
  return lines
}

const only = <Kind extends DumpLine['line']>(lines: readonly DumpLine[], kind: Kind): Extract<DumpLine, { line: Kind }>[] =>
  lines.filter((line): line is Extract<DumpLine, { line: Kind }> => line.line === kind)

/** One life with one of everything. */
async function story(): Promise<SimDisk> {
  const { disk } = await establish(4, { isPlain: true })
  const session = await Session.start(disk, 9)
  const unit = session.begin()
  session.put('A', 'first', unit)
  session.put('A', 'x'.repeat(150_000), unit)
  await session.get('B', unit)
  await session.commit(unit)
  session.put('B', 'second')
  await session.forced()
  await session.get('B')
  await session.settled()
  session.life.abandon()
  disk.kill(session.process)
  return disk
}

t.test('dump: a log -> control file, other files, extents with their epochs, records with what is peculiar to each', async test => {
  const disk = await story()
  const lines = await linesOf(disk)
  test.match(only(lines, 'control'), [{ qmid: /^SIM_/, type: 'circular', extentBytes: size.extentBytes }])
  test.ok(only(lines, 'file').some(({ kind }) => kind === 'checkpoint'))
  const extents = only(lines, 'extent')
  test.ok(extents.some(({ epoch, isFirstOfEpoch }) => epoch === 9 && isFirstOfEpoch))
  const records = only(lines, 'record').filter(({ epoch }) => epoch === 9)
  test.strictSame(records.map(({ kind }) => kind), ['put', 'put', 'lock', 'commit', 'put', 'remove'])
  const [first, large, lock, commit, alone] = records
  test.match(first?.facts, { unit: Number, queue: 1, priority: 4, bodyBytes: 5 })
  test.match(large, { facts: { bodyBytes: 150_000 } })
  test.ok((large?.fragments ?? 0) >= 3, 'a record over several extents is one line')
  test.equal(lock?.facts['unit'], first?.facts['unit'])
  test.equal(commit?.facts['unit'], first?.facts['unit'])
  test.equal(alone?.facts['unit'], 0)
  test.match(records.map(({ checksum }) => checksum), records.map(() => /^[0-9a-f]{8}$/))
  for (const [index, record] of records.entries()) test.ok(record.lsn > (records[index - 1]?.lsn ?? 0) && record.batch <= record.lsn)
  test.equal(only(lines, 'damage').length, 0)
})

t.test('dump: from a position, so many records -> those and no more', async test => {
  const disk = await story()
  const all = only(await linesOf(disk), 'record')
  const from = all[5]?.lsn ?? 0
  test.strictSame(only(await linesOf(disk, { from, count: 3 }), 'record'), all.slice(5, 8))
  test.strictSame(only(await linesOf(disk, { count: 0 }), 'record'), [])
})

t.test('dump: damaged header, record, control file -> a line with file and offset, and the rest goes on', async test => {
  const disk = await story()
  const [first, second] = only(await linesOf(disk), 'extent')
  const count = only(await linesOf(disk), 'record').length
  disk.rot(`${logDirectory}/active/${first?.file ?? ''}`, 20, 3)
  const lines = await linesOf(disk)
  test.match(only(lines, 'damage'), [{ file: first?.file, offset: 124, why: /checksum of the header/ }])
  test.ok(only(lines, 'extent').some(({ file }) => file === second?.file))
  test.ok(only(lines, 'record').length < count)
  disk.rot(`${logDirectory}/active/${second?.file ?? ''}`, 4_096 + 40, 3)
  test.match(only(await linesOf(disk), 'end').find(({ file }) => file === second?.file), { why: /checksum of a record/ })
  disk.rot(`${logDirectory}/amqhlctl.lfh`, 30, 3)
  test.match(only(await linesOf(disk), 'damage'), [{ file: 'amqhlctl.lfh', offset: 124 }])
})

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<{ status: number; out: string[]; err: string[] }> {
  const out: string[] = []
  const err: string[] = []
  const status = await dmpmqlog(args, { env, out: line => out.push(line), err: line => err.push(line) })
  return { status, out, err }
}

t.test('dmpmqlog: a directory of files -> text, or JSON line by line; 1 when there is damage; nothing is changed', async test => {
  const disk = await story()
  const directory = test.testdir({ active: {} })
  for (const name of disk.files()) fs.writeFileSync(directory + name.slice(logDirectory.length), disk.peek(name) ?? '')
  const before = fs.readdirSync(`${directory}/active`)
  const text = await run(['-d', directory])
  test.equal(text.status, 0)
  test.match(text.out[0], /^amqhlctl\.lfh: queue manager SIM_.*, circular log, extents of 65536 bytes$/)
  test.ok(text.out.some(line => /^\d+ <\d+:\d+> put {5}unit \d+ queue 1 order \d+ .*checksum [0-9a-f]{8}, epoch 9/.test(line)))
  const json = await run(['-d', directory, '--json', '-n', '2'])
  test.strictSame(json.out.map(line => (JSON.parse(line) as DumpLine).line).filter(line => line === 'record'), ['record', 'record'])
  test.strictSame(fs.readdirSync(`${directory}/active`), before)
  fs.truncateSync(`${directory}/active/${before.find(name => name.startsWith('S') && name.endsWith('.LOG')) ?? ''}`, 100)
  test.equal((await run(['-d', directory])).status, 1)
})

t.test('dmpmqlog: wrong arguments, unknown name, no log -> what is wrong, with its own exit status', async test => {
  test.match(await run([]), { status: 36, err: [/say which/, /^usage:/] })
  test.match(await run(['-d', '/x', '-n', 'many']), { status: 36, err: [/not a number of records/] })
  test.match(await run(['--nonsense']), { status: 36 })
  test.match(await run(['-d', '/nonexistent']), { status: 23, err: [/cannot be read: ENOENT/] })
  test.match(await run(['-m', 'NOBODY'], { MQ_DATA_ROOT: test.testdir() }), { status: 72, err: [/^AMQ7048E/] })
})
