import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { millis } from '../../src/base/units.js'
import { createLogger } from '../../src/daemon/logger.js'
import type { LoggerOptions } from '../../src/daemon/logger.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import type { Clock } from '../../src/port/clock.js'

/** The real clock at a fixed time of day, and with the retry interval shortened so that tests need not wait for it. */
const clock: Clock = {
  monotonic: () => systemClock.monotonic(),
  wall: () => new Date(2026, 10, 3, 4, 5, 6).getTime(),
  schedule: (delay, callback) => systemClock.schedule(millis(delay === 1_000 ? 10 : delay), callback)
}

const logger = (cf: Partial<LoggerOptions['cf']>, more: Partial<LoggerOptions> = {}) =>
  createLogger({ cf: { logfile: null, debugfile: null, logfacility: null, debug: 0, ...cf }, node: 'ha1', clock, pid: 1234, ...more })

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')

t.test('logger: each level -> Linux-HA line in logfile and debugfile, debug in debugfile alone', async t => {
  const directory = t.testdir({})
  const logfile = join(directory, 'ha-log')
  const debugfile = join(directory, 'ha-debug')
  const log = logger({ logfile, debugfile, debug: 1 })
  log.debug({ sequence: 7 }, 'heard')
  log.info({}, 'Configuration validated. Starting heartbeat 3.0.6')
  log.warn({ peer: 'ha2', silenceMs: 2003, reason: 'no word' }, 'node ha2: is dead')
  log.error({ key: '' }, 'e')
  log.crit({ list: ['a', 'b'] }, 'c')
  log.setDebug(0)
  log.debug({}, 'not wanted now')
  await log.close()
  const head = 'Nov  3 04:05:06 ha1 heartbeat: [1234]: '
  const lines = [
    `${head}info: Configuration validated. Starting heartbeat 3.0.6`,
    `${head}WARN: node ha2: is dead peer=ha2 silenceMs=2003 reason="no word"`,
    `${head}ERROR: e key=""`,
    `${head}CRIT: c list=["a","b"]`
  ]
  t.equal(read(logfile), `${lines.join('\n')}\n`)
  t.equal(read(debugfile), `${[`${head}debug: heard sequence=7`, ...lines].join('\n')}\n`)
  t.equal(log.dropped(), 0)
})

t.test('logger: logfile and debugfile are one file -> each line once', async t => {
  const logfile = join(t.testdir({}), 'ha-log')
  const log = logger({ logfile, debugfile: logfile })
  log.info({}, 'once')
  await log.close()
  t.equal(read(logfile).match(/once/g)?.length, 1)
})

t.test('logger: text and fields with line feeds and escapes -> one line, nothing forged', async t => {
  const logfile = join(t.testdir({}), 'ha-log')
  const log = logger({ logfile })
  log.info({ said: 'a\nNov  3 fake' }, 'one\ntwo\u001b[31m')
  log.info({}, 'x'.repeat(100_000))
  await log.close()
  const lines = read(logfile).split('\n')
  t.equal(lines.length, 3)
  t.match(lines[0], /one\\ntwo\?\[31m said="a\\nNov  3 fake"$/)
  t.ok((lines[1]?.length ?? 0) < 9_000)
})

t.test('logger: full disk -> no caller waits, losses are counted', async t => {
  const log = logger({ logfile: '/dev/full' })
  const before = performance.now()
  for (let count = 0; count < 50_000; count += 1) log.info({ count }, 'a line of usual length for the log of a cluster')
  t.ok(performance.now() - before < 5_000, 'bounded by formatting, not by the disk')
  await log.close()
  t.ok(log.dropped() > 0)
})

t.test('logger: FIFO nobody reads -> no caller waits; a reader comes -> lines and the loss are told', async t => {
  const fifo = join(t.testdir({}), 'fifo')
  execFileSync('mkfifo', [fifo])
  const log = logger({ logfile: fifo })
  for (let count = 0; count < 20_000; count += 1) log.info({ count }, 'a line of usual length for the log of a cluster')
  t.ok(log.dropped() > 0)
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  t.teardown(() => closeSync(fd))
  const chunk = Buffer.alloc(256 * 1024)
  let said = ''
  await until(() => {
    said += drain(fd, chunk)
    return said.includes('log lines were lost')
  })
  t.match(said, /count=0\n/)
  t.match(said, /WARN: \d+ log lines were lost: (ENXIO|nobody reads it)/)
  await log.close()
})

t.test('logger: directory missing, then made -> lines written before appear', async t => {
  const directory = join(t.testdir({}), 'later')
  const logfile = join(directory, 'ha-log')
  const log = logger({ logfile })
  log.info({}, 'early')
  mkdirSync(directory)
  await until(() => read(logfile).includes('early'))
  await log.close()
})

t.test('logger: a directory in place of the file -> goes on, and closes in bounded time', async t => {
  const log = logger({ logfile: t.testdir({}) })
  log.info({}, 'nowhere')
  await log.close()
  log.fatalSync('test of last words') // must not throw
})

t.test('logger: read-only file system -> goes on', { skip: !mayMount() && 'mount is not permitted here' }, async t => {
  const directory = t.testdir({})
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', directory], { stdio: 'ignore' })
  try {
    const logfile = join(directory, 'ha-log')
    const log = logger({ logfile })
    log.info({}, 'kept until it can be written')
    execFileSync('mount', ['-o', 'remount,rw', directory])
    await until(() => read(logfile).includes('kept until'))
    await log.close()
  } finally {
    execFileSync('umount', [directory]) // before the fixture is removed
  }
})

t.test('logger: rotated and reopened -> later lines in the new file', async t => {
  const logfile = join(t.testdir({}), 'ha-log')
  const log = logger({ logfile })
  log.info({}, 'old')
  await until(() => read(logfile).includes('old'))
  renameSync(logfile, `${logfile}.1`)
  log.info({}, 'still old')
  await until(() => read(`${logfile}.1`).includes('still old'))
  log.reopen()
  log.info({}, 'new')
  await log.close()
  t.match(read(logfile), /new/)
  t.notMatch(read(`${logfile}.1`), /new/)
})

t.test('logger: last words -> in the files at once, after what waited', async t => {
  const directory = t.testdir({})
  const logfile = join(directory, 'ha-log')
  const log = logger({ logfile })
  log.info({}, 'before')
  log.fatalSync('invariant broken: generation never shrinks')
  t.match(read(logfile), /before\n.*CRIT: invariant broken: generation never shrinks\n/)
  await log.close()
})

t.test('logger: secrets in fields -> redacted', async t => {
  const logfile = join(t.testdir({}), 'ha-log')
  const log = logger({ logfile })
  log.info({ secret: 'hunter2', key: { secret: 'hunter2' } }, 'loaded')
  await log.close()
  t.notMatch(read(logfile), /hunter2/)
})

t.test('logger: logfacility set -> logger is fed with severities, and ended at close', async t => {
  const directory = t.testdir({})
  const record = join(directory, 'record')
  const script = join(directory, 'fake-logger')
  writeFileSync(script, '#!/bin/sh\necho "$@" >"$RECORD"\nexec cat >>"$RECORD"\n', { mode: 0o755 })
  const log = logger({ logfacility: 'local3' }, { syslogCommand: ['env', `RECORD=${record}`, script] })
  log.warn({ peer: 'ha2' }, 'late')
  log.info({}, 'fine')
  await log.close()
  t.equal(read(record), '--prio-prefix -t heartbeat -p local3.info\n<4>[1234]: WARN: late peer=ha2\n<6>[1234]: info: fine\n')
})

t.test('logger: logger missing, or one that never reads -> no caller waits, losses are counted', async t => {
  const missing = logger({ logfacility: 'daemon' }, { syslogCommand: ['/nonexistent/logger'] })
  const stuck = logger({ logfacility: 'daemon' }, { syslogCommand: ['sh', '-c', 'exec sleep 60'] })
  for (let count = 0; count < 20_000; count += 1) {
    missing.info({ count }, 'a line of usual length for the log of a cluster')
    stuck.info({ count }, 'a line of usual length for the log of a cluster')
  }
  t.ok(missing.dropped() > 0)
  t.ok(stuck.dropped() > 0)
  await Promise.all([missing.close(), stuck.close()])
})

t.test('logger: nothing configured -> silent, closes at once', async t => {
  const log = logger({})
  log.info({}, 'to nobody')
  await log.close()
  t.equal(log.dropped(), 0)
})

function mayMount(): boolean {
  return process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
}

function drain(fd: number, chunk: Buffer): string {
  try {
    return chunk.toString('utf8', 0, readSync(fd, chunk))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return ''
    throw error
  }
}

/** Waits for what happens outside the event loop's knowledge, for at most five seconds. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true within 5 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
