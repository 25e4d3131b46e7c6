/**
 * The daemon's root logger: pino in front, Linux-HA's lines behind.
 *
 *   Nov  3 04:05:06 ha1 heartbeat: [1234]: WARN: node ha2: is dead silenceMs=2003
 *
 * Scripts and people have matched such lines for twenty years, so the text comes first and unchanged and our fields follow
 * it. info and above go to `logfile`, `debugfile` and syslog; debug goes to `debugfile` alone, and only when asked for.
 *
 * Nothing here ever waits for a disk (file-sink.ts) or for syslog (syslog-sink.ts). The one exception is `fatalSync`: last
 * words are written at once, because the process ends next.
 *
 * Line format: reference on Linux-HA 3.0.6, section 8.1.
 */

import { writeSync } from 'node:fs'
import { pino } from 'pino'
import type { HaCf } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import { FileSink } from './file-sink.js'
import { SyslogSink } from './syslog-sink.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'crit'

/** Printed after the text as key=value, in the order given; undefined ones are left out. */
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(fields: LogFields, text: string): void
  info(fields: LogFields, text: string): void
  warn(fields: LogFields, text: string): void
  error(fields: LogFields, text: string): void
  crit(fields: LogFields, text: string): void
}

export interface RootLogger extends Logger {
  /** Opens the files again, after log rotation. */
  reopen(): void
  /** 0 none, 1 and more: debug lines go to debugfile. */
  setDebug(debug: number): void
  /** Last words: at once to standard error and the log files, as CRIT. Never throws. */
  fatalSync(text: string): void
  /** Writes what waits, for at most about a second, and closes. Never rejects. */
  close(): Promise<void>
  /** Lines lost to full buffers since the start. */
  dropped(): number
}

export interface LoggerOptions {
  readonly cf: Pick<HaCf, 'logfile' | 'debugfile' | 'logfacility' | 'debug'>
  readonly node: string
  readonly clock: Clock
  readonly pid?: number
  /** In the foreground, lines go to standard error as well. */
  readonly isForeground?: boolean
  /** Replaces `logger` of util-linux in tests. */
  readonly syslogCommand?: readonly [string, ...string[]]
}

/** pino's numbers for our levels, and the words Linux-HA prints for them. */
const levelValues = { debug: 20, info: 30, warn: 40, error: 50, crit: 60 } as const satisfies Record<LogLevel, number>
const levelWords = { debug: 'debug', info: 'info', warn: 'WARN', error: 'ERROR', crit: 'CRIT' } as const satisfies Record<LogLevel, string>
const levelByValue = new Map<unknown, LogLevel>(Object.entries(levelValues).map(([name, value]) => [value, name as LogLevel]))

/** One line; script output quoted in it was bounded before, this is the last limit. */
const lineCharactersMax = 8 * 1024
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

export function createLogger(options: LoggerOptions): RootLogger {
  const { cf, clock, node } = options
  const pid = options.pid ?? process.pid
  const lineOf = (level: LogLevel, text: string): string => `${stamp(clock.wall())} ${node} heartbeat: [${pid}]: ${levelWords[level]}: ${text}\n`
  const lossLine = (count: number, reason: string): string => lineOf('warn', `${count} log lines were lost: ${reason}`)
  const fileSink = (path: string): FileSink => new FileSink({ target: { kind: 'file', path }, clock, lossLine })

  // The debug file holds everything; when both names are one file, one sink writes it and each line appears once.
  const debugSink = cf.debugfile === null ? null : fileSink(cf.debugfile)
  const mainSink = cf.logfile === null || cf.logfile === cf.debugfile ? null : fileSink(cf.logfile)
  const stderrSink = options.isForeground === true ? new FileSink({ target: { kind: 'descriptor', fd: 2 }, clock, lossLine }) : null
  const syslog =
    cf.logfacility === null
      ? null
      : new SyslogSink({ facility: cf.logfacility, clock, ...(options.syslogCommand === undefined ? {} : { command: options.syslogCommand }) })
  const fileSinks = [debugSink, mainSink, stderrSink].filter(sink => sink !== null)

  const emit = (level: LogLevel, text: string): void => {
    const line = lineOf(level, text)
    debugSink?.write(line)
    if (level === 'debug') return
    mainSink?.write(line)
    stderrSink?.write(line)
    syslog?.write(level, `[${pid}]: ${levelWords[level]}: ${text}`)
  }

  const root = pino<LogLevel>(
    {
      customLevels: levelValues,
      useOnlyCustomLevels: true,
      level: cf.debug > 0 ? 'debug' : 'info',
      base: null,
      timestamp: false,
      // A second net: keys are Secret objects, which print as [redacted] by themselves.
      redact: ['secret', 'key.secret', 'keys', 'authkeys', '*.secret']
    },
    {
      write(json: string) {
        const { level, msg, ...fields } = JSON.parse(json) as Record<string, unknown> // pino's own output, not a stranger's
        emit(levelByValue.get(level) ?? 'info', textOf(typeof msg === 'string' ? msg : '', fields))
      }
    }
  )

  return {
    debug: (fields, text) => root.debug(fields, text),
    info: (fields, text) => root.info(fields, text),
    warn: (fields, text) => root.warn(fields, text),
    error: (fields, text) => root.error(fields, text),
    crit: (fields, text) => root.crit(fields, text),
    reopen() {
      for (const sink of fileSinks) sink.reopen()
    },
    setDebug(debug) {
      root.level = debug > 0 ? 'debug' : 'info'
    },
    fatalSync(text) {
      const line = lineOf('crit', textOf(text, {}))
      writeStderrSync(line)
      mainSink?.writeSync(line)
      debugSink?.writeSync(line)
      syslog?.write('crit', `[${pid}]: ${levelWords.crit}: ${textOf(text, {})}`)
    },
    async close() {
      await Promise.all([...fileSinks.map(sink => sink.close()), syslog?.close()])
    },
    dropped: () => fileSinks.reduce((sum, sink) => sum + sink.lost, syslog?.lost ?? 0)
  }
}

/** Whether it worked; when standard error is gone or full, the log files and the exit status remain. */
function writeStderrSync(line: string): boolean {
  try {
    writeSync(2, line)
    return true
  } catch {
    return false
  }
}

/** `Mon DD HH:MM:SS` in local time, the day padded with a blank. */
function stamp(wall: number): string {
  const date = new Date(wall)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = String(date.getDate()).padStart(2, ' ')
  return `${months[date.getMonth()] ?? ''} ${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Text and fields on one line: what a script or a peer said can neither break it nor forge another. */
function textOf(text: string, fields: Readonly<Record<string, unknown>>): string {
  let line = printable(text)
  for (const [key, value] of Object.entries(fields)) line += ` ${key}=${shown(value)}`
  return line.length > lineCharactersMax ? `${line.slice(0, lineCharactersMax)}…` : line
}

function shown(value: unknown): string {
  const plain = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null')
  return typeof value === 'string' && (plain === '' || /[\s"=\\\p{Cc}]/u.test(plain)) ? JSON.stringify(plain) : plain
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, character => (character === '\n' ? '\\n' : character === '\t' ? ' ' : '?'))
}
