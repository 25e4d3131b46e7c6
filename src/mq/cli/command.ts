/**
 * What the commands of the queue manager share: reading options, who may, as whom, which queue manager, and how
 * failures are said. A command is a function of options and surroundings to an exit status; tests call it as such.
 */

import fs from 'node:fs'
import { HaError } from '../../base/errors.js'
import type { CommandContext, Program } from '../../cli/context.js'
import { processContext } from '../../cli/context.js'
import { administratorAccount, administratorsUmask, becomeAdministrator, giveToAdministrator, isAdministrator } from '../installation/administrators.js'
import { directoryMode, makeDirectory } from '../installation/durable-file.js'
import { layoutFrom } from '../installation/layout.js'
import type { Layout } from '../installation/layout.js'
import { ensureMqsIni, findQueueManager, readInstallation } from '../installation/mqs-ini.js'
import type { Installation, KnownQueueManager } from '../installation/mqs-ini.js'
import { isQueueManagerName } from '../installation/names.js'
import { messageLine } from '../mqsc/messages.js'
import { acquireLock } from '../store/lock.js'
import { helpText, parseOptions, usageLine } from './options.js'
import type { CommandSpec, Options } from './options.js'

/** Statuses of reference 1.1.1 that several commands share. */
export const codes = {
  done: 0,
  creating: 3,
  running: 5,
  exists: 8,
  unknown: 16,
  logUnavailable: 23,
  notDisconnected: 24,
  invalidArguments: 36,
  invalidParameter: 39,
  notAvailable: 40,
  stopping: 49,
  unexpected: 71,
  nameError: 72,
  logLocation: 100,
  notAuthorized: 119
} as const

export interface Surroundings {
  readonly context: CommandContext
  readonly layout: Layout
  readonly options: Options
  readonly isJson: boolean
  /** Lines for standard output; nothing with `-z`. */
  say(text: string): void
  complain(text: string): void
}

export interface MqCommand {
  readonly spec: CommandSpec
  /** Status for command lines that cannot be understood. */
  readonly wrongUse: number
  /** Anybody may; else administrators alone, and root goes on as `mqm`. */
  readonly forAnybody?: boolean
  /** Root stays root, for what only root can do. */
  readonly staysRoot?: boolean
  run(surroundings: Surroundings): Promise<number>
}

/** The command as a program: arguments in, exit status out. */
export const programOf =
  (command: MqCommand): Program =>
  async (args, context) => {
    const parsed = parseOptions(command.spec, args)
    if (parsed.kind === 'help') {
      for (const line of helpText(command.spec)) context.out(line)
      return 0
    }
    if (parsed.kind === 'wrong') {
      context.err(`${command.spec.name}: ${parsed.why}`)
      context.err(usageLine(command.spec))
      context.err(`(see ${command.spec.name} --help)`)
      return command.wrongUse
    }
    const { options, isJson } = parsed
    if (isJson && command.spec.json === undefined) return await asObject(command, options, context)
    return await perform(command, options, context, isJson)
  }

/** All that the command says as one object on one line, for programs; its status is that of the command all the same. */
async function asObject(command: MqCommand, options: Options, context: CommandContext): Promise<number> {
  const output: string[] = []
  const errors: string[] = []
  const status = await perform(command, options, { ...context, out: line => output.push(line), err: line => errors.push(line) }, true)
  context.out(JSON.stringify({ command: command.spec.name, status, output, errors }))
  return status
}

async function perform(command: MqCommand, options: Options, context: CommandContext, isJson: boolean): Promise<number> {
  const isQuiet = options.has('z')
  const surroundings: Surroundings = {
    context,
    layout: layoutFrom(context.env),
    options,
    isJson,
    say: text => {
      if (!isQuiet) context.out(text)
    },
    complain: text => {
      if (!isQuiet) context.err(text)
    }
  }
  try {
    if (command.forAnybody !== true) {
      if (!isAdministrator(surroundings.layout.root)) {
        surroundings.complain(messageLine('AMQ7077'))
        return codes.notAuthorized
      }
      if (command.staysRoot !== true) {
        prepareRoot(surroundings.layout)
        becomeAdministrator()
      }
    }
    return await command.run(surroundings)
  } catch (error) {
    return sayFailure(error, surroundings)
  }
}

/** Runs a command for this process; an unforeseen failure is said here, with the status for it. */
export async function runCommand(command: MqCommand): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  process.umask(administratorsUmask)
  try {
    process.exitCode = await programOf(command)(process.argv.slice(2), processContext())
  } catch (error) {
    console.error(`${command.spec.name}: unexpected failure of the command itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    process.exitCode = codes.unexpected
  }
}

/** Failures one foresees: faults of mqs.ini and qm.ini, directories that cannot be used. Others are thrown on. */
export function sayFailure(error: unknown, { complain }: Pick<Surroundings, 'complain'>): number {
  if (error instanceof HaError) {
    for (const line of error.message.split('\n')) complain(line.startsWith('AMQ') ? line : messageLine('AMQ8101', line))
    return codes.unexpected
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error) {
    if (error.code === 'EACCES' || error.code === 'EPERM') {
      complain(messageLine('AMQ7077'))
      complain(error.message)
      return codes.notAuthorized
    }
    complain(messageLine('AMQ7002', error.message))
    return codes.unexpected
  }
  throw error
}

/** As root, before it becomes `mqm`: the data root is there and is the administrator's. */
export function prepareRoot(layout: Layout): void {
  if (process.geteuid?.() !== 0 || administratorAccount() === null) return
  for (const directory of [layout.root, layout.queueManagers, layout.logs, layout.errors, layout.sockets]) {
    if (fs.existsSync(directory)) continue
    makeDirectory(directory)
    giveToAdministrator(directory)
  }
}

/** The directories and mqs.ini of an installation; what is there stays. */
export function ensureInstallation(layout: Layout): void {
  for (const directory of [layout.root, layout.queueManagers, layout.logs, layout.errors, layout.sockets]) {
    // The root of a user's own installation may be any directory of his: only those that we make get our mode.
    if (!fs.existsSync(directory)) makeDirectory(directory, directoryMode)
  }
  ensureMqsIni(layout)
}

export type Named =
  | { readonly ok: true; readonly queueManager: KnownQueueManager; readonly installation: Installation }
  | { readonly ok: false; readonly status: number }

/** The queue manager that a command is about, or the default one when none is named; says what is wrong with the name. */
export function named({ layout, complain }: Pick<Surroundings, 'layout' | 'complain'>, given: string | undefined, otherwise: { readonly unknown?: number; readonly nameError?: number } = {}): Named {
  const installation = readInstallation(layout)
  const name = given ?? installation.defaultName
  if (name === null) {
    complain(`${messageLine('AMQ7048', '')} No default queue manager is set in ${layout.mqsIni}.`)
    return { ok: false, status: otherwise.nameError ?? codes.nameError }
  }
  if (!isQueueManagerName(name)) {
    complain(messageLine('AMQ7048', name))
    return { ok: false, status: otherwise.nameError ?? codes.nameError }
  }
  const queueManager = findQueueManager(installation, name)
  if (queueManager !== null) return { ok: true, queueManager, installation }
  complain(messageLine('AMQ8118', name))
  return { ok: false, status: otherwise.unknown ?? codes.unknown }
}

const installationTries = 50

/** Changes of mqs.ini one after the other, whoever makes them. @throws HaError HA_MQ_LOCKED after about ten seconds */
export async function withInstallation<T>(layout: Layout, work: () => Promise<T> | T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const lock = await acquireLock(layout.root, 'installation')
    if (lock.kind === 'held') {
      try {
        return await work()
      } finally {
        lock.release()
      }
    }
    if (attempt >= installationTries) throw new HaError('HA_MQ_LOCKED', `another command has been changing ${layout.mqsIni} for too long`)
  }
}
