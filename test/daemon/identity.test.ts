import t, { type Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nextGeneration, nodeUuid } from '../../src/daemon/identity.js'
import type { HaError } from '../../src/base/errors.js'

const wallMs = 1_795_177_971_500
const fileOf = (directory: string): string => readFileSync(join(directory, 'hb_generation'), 'latin1')

function refusalOf(work: () => unknown): HaError {
  try {
    work()
  } catch (error) {
    return error as HaError
  }
  throw new Error('nothing was refused')
}

t.test('generation: no file -> starts behind the time of day and says so', async t => {
  const directory = join(t.testdir(), 'not', 'made', 'yet')
  t.strictSame(nextGeneration(directory, { wallMs }), { generation: 1_795_177_972, note: 'No Previous generation - starting at 1795177972' })
  t.equal(fileOf(directory), '     1795177972\n')
  t.equal(statSync(join(directory, 'hb_generation')).size, 16)
})

t.test('generation: file of Linux-HA -> one more, in the same format, whatever the clock says', async t => {
  const directory = t.testdir({ hb_generation: '     1795177972\n' })
  t.strictSame(nextGeneration(directory, { wallMs: 0 }), { generation: 1_795_177_973, note: null })
  t.equal(fileOf(directory), '     1795177973\n')
  t.strictSame(readdirSync(directory), ['hb_generation'], 'nothing is left beside it')
})

t.test('generation: many starts -> each larger than the one before', async t => {
  const directory = t.testdir()
  let last = 0
  for (let start = 0; start < 20; start++) {
    const { generation } = nextGeneration(directory, { wallMs: start % 2 === 0 ? wallMs : 0 })
    t.ok(generation > last)
    last = generation
  }
})

t.test('generation: broken content -> from the time of day, never from 1, and said', async t => {
  const directory = t.testdir()
  for (const content of ['', 'garbage', '-5', '12x\n', '1 2\n', '\0'.repeat(16), '9'.repeat(16), '999999999999999\n', '0x10\n', 'x'.repeat(10_000)]) {
    writeFileSync(join(directory, 'hb_generation'), content)
    const { generation, note } = nextGeneration(directory, { wallMs })
    t.equal(generation, 1_795_177_972, JSON.stringify(content.slice(0, 20)))
    t.match(note, /^BROKEN previous generation - .*hb_generation holds .*; starting at 1795177972$/)
    t.strictSame(nextGeneration(directory, { wallMs }), { generation: 1_795_177_973, note: null })
  }
})

t.test('generation: largest that fits -> still counted, both sides of the bound', async t => {
  const directory = t.testdir({ hb_generation: '999999999999998\n' })
  t.strictSame(nextGeneration(directory, { wallMs }), { generation: 999_999_999_999_999, note: null })
  t.match(nextGeneration(directory, { wallMs }).note, /BROKEN/)
})

t.test('generation: a file left by a crash before the rename -> overwritten, the count unharmed', async t => {
  const directory = t.testdir({ hb_generation: '             41\n', 'hb_generation.new': 'half a numb' })
  t.strictSame(nextGeneration(directory, { wallMs }), { generation: 42, note: null })
  t.equal(fileOf(directory), '             42\n')
})

t.test('uuid: none -> made once, 16 bytes of version 4, then kept', async t => {
  const directory = join(t.testdir(), 'state')
  const uuid = nodeUuid(directory)
  t.equal(uuid.length, 16)
  t.equal((uuid[6] as number) >> 4, 4)
  t.strictSame(nodeUuid(directory), uuid)
  t.strictSame(new Uint8Array(readFileSync(join(directory, 'hb_uuid'))), uuid)
})

t.test('uuid: a file that is none -> replaced, and said', async t => {
  for (const content of [Buffer.alloc(0), Buffer.alloc(16), Buffer.alloc(15, 1), Buffer.alloc(17, 1)]) {
    const directory = t.testdir()
    writeFileSync(join(directory, 'hb_uuid'), content)
    const notes: string[] = []
    t.equal(nodeUuid(directory, { onNote: note => notes.push(note) }).length, 16)
    t.match(notes, [/hb_uuid held \d+ bytes that are no UUID/])
  }
})

t.test('state: not a directory, or a directory in place of a file -> refused with code, path and advice', async t => {
  const file = join(t.testdir({ state: 'a file' }), 'state')
  const refusal = refusalOf(() => nextGeneration(file, { wallMs }))
  t.equal(refusal.code, 'HA_STATE_UNUSABLE')
  t.match(refusal.message, /^cannot read .*hb_generation: a part of the path is no directory\./)
  const directory = t.testdir({ hb_uuid: {} })
  t.match(refusalOf(() => nodeUuid(directory)), { code: 'HA_STATE_UNUSABLE', message: /hb_uuid: it is a directory; remove it/, details: { errno: 'EISDIR' } })
})

t.test('state: disk full, read-only -> refused, and the old generation is still there', { skip: whyNoMount() }, async t => {
  const directory = mountedTmpfs(t)
  writeFileSync(join(directory, 'hb_generation'), '             41\n')
  fill(directory)
  t.match(refusalOf(() => nextGeneration(directory, { wallMs })), { code: 'HA_STATE_UNUSABLE', message: /the disk is full; make room/ })
  t.equal(fileOf(directory), '             41\n')
  run('mount', '-o', 'remount,ro', directory)
  t.match(refusalOf(() => nextGeneration(directory, { wallMs })), { code: 'HA_STATE_UNUSABLE', message: /the file system is read-only/ })
  t.match(refusalOf(() => nodeUuid(directory)), { code: 'HA_STATE_UNUSABLE', message: /the file system is read-only/ })
})

function whyNoMount(): string | false {
  if (process.getuid?.() !== 0) return 'mounting a small file system needs root'
  return existsSync('/bin/mount') || existsSync('/usr/bin/mount') ? false : 'the command mount (util-linux) is missing'
}

function run(command: string, ...args: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`)
}

function mountedTmpfs(t: Test): string {
  // Not in t.testdir, which tap removes before our teardown can unmount.
  const directory = mkdtempSync(join(tmpdir(), 'heartbeat-identity-'))
  t.teardown(() => rmdirSync(directory))
  run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory)
  t.teardown(() => run('umount', directory))
  return directory
}

/** Takes every page there is. */
function fill(directory: string): void {
  let isFull = false
  for (let block = 0; !isFull; block++) {
    try {
      writeFileSync(join(directory, `block${block}`), Buffer.alloc(4096))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      isFull = true
    }
  }
}
