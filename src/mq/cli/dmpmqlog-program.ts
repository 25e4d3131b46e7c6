/**
 * dmpmqlog: prints a recovery log, reading only; of a queue manager that runs, too.
 *
 *   dmpmqlog -m QMgrName | -d LogDirectory  [-s LSN] [-n count] [--json]
 *
 * Exit statuses: 0 printed, 1 printed and damage was found, 36 wrong arguments, 72 no such queue manager, 23 the log cannot
 * be read. With --json each line is one object.
 */

import { parseArgs } from 'node:util'
import { HaError } from '../../base/errors.js'
import type { Disk } from '../../port/disk.js'
import { layoutFrom } from '../installation/layout.js'
import { findQueueManager, readInstallation } from '../installation/mqs-ini.js'
import { readQmIni } from '../installation/qm-ini.js'
import { dumpLog, dumpText, type DumpOptions } from '../store/dump.js'
import { realDisk } from '../store/real-disk.js'

const usage = 'usage: dmpmqlog -m QMgrName | -d LogDirectory  [-s LSN] [-n count] [--json]'
const statuses = { done: 0, damaged: 1, logNotAvailable: 23, wrongUse: 36, unknownName: 72 } as const

interface Asked {
  readonly queueManager: string | null
  readonly directory: string | null
  readonly options: DumpOptions
  readonly isJson: boolean
}

export interface DumpContext {
  readonly env: Readonly<Record<string, string | undefined>>
  out(line: string): void
  err(line: string): void
}

export async function dmpmqlog(args: readonly string[], context: DumpContext, disk: Disk = realDisk): Promise<number> {
  const asked = parse(args)
  if (typeof asked === 'string') {
    context.err(`dmpmqlog: ${asked}`)
    context.err(usage)
    return statuses.wrongUse
  }
  let directory: string | null
  try {
    directory = asked.directory ?? logDirectory(asked.queueManager ?? '', context.env)
  } catch (error) {
    if (!(error instanceof HaError)) throw error
    context.err(error.message)
    return statuses.logNotAvailable
  }
  if (directory === null) {
    context.err(`AMQ7048E: The queue manager name '${asked.queueManager ?? ''}' is either not valid or not known.`)
    return statuses.unknownName
  }
  try {
    return await print(directory, asked, context, disk)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    context.err(`dmpmqlog: the log in ${directory} cannot be read: ${error.message}`)
    return statuses.logNotAvailable
  }
}

async function print(directory: string, asked: Asked, context: DumpContext, disk: Disk): Promise<number> {
  let extentBytes = 4096
  let isDamaged = false
  for await (const line of dumpLog(disk, directory, asked.options)) {
    if (line.line === 'control') extentBytes = line.extentBytes
    if (line.line === 'damage') isDamaged = true
    context.out(asked.isJson ? JSON.stringify(line) : dumpText(line, extentBytes))
  }
  return isDamaged ? statuses.damaged : statuses.done
}

function logDirectory(name: string, env: DumpContext['env']): string | null {
  const known = findQueueManager(readInstallation(layoutFrom(env)), name)
  return known === null ? null : readQmIni(known.dataPath).log.path
}

function parse(args: readonly string[]): Asked | string {
  let values
  try {
    values = parseArgs({
      args: [...args],
      options: { m: { type: 'string', short: 'm' }, d: { type: 'string', short: 'd' }, s: { type: 'string', short: 's' }, n: { type: 'string', short: 'n' }, json: { type: 'boolean' } }
    }).values
  } catch (error) {
    if (error instanceof TypeError) return error.message
    throw error
  }
  if ((values.m === undefined) === (values.d === undefined)) return 'say which queue manager (-m) or which directory (-d)'
  const count = wholeNumber(values.n)
  const from = wholeNumber(values.s)
  if (count === null) return `-n ${values.n}: not a number of records`
  if (from === null) return `-s ${values.s}: not a position in the log`
  return {
    queueManager: values.m ?? null,
    directory: values.d ?? null,
    options: { ...(count === undefined ? {} : { count }), ...(from === undefined ? {} : { from }) },
    isJson: values.json === true
  }
}

/** undefined when absent, null when it is no number. */
function wholeNumber(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
