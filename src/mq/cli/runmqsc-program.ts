/** runmqsc: MQSC commands from a terminal, a pipe or a file. Source: reference 1.7, 3.1, 3.3. */

import fs from 'node:fs'
import type { Readable } from 'node:stream'
import { connect, MqError, reasons } from '../../client/client.js'
import type { Connection, ConnectOptions } from '../../client/client.js'
import { localFiles } from '../installation/layout.js'
import { checkCommand } from '../mqsc/execute.js'
import { CommandReader } from '../mqsc/lines.js'
import type { ReadItem } from '../mqsc/lines.js'
import { ReportWriter, runmqscExit } from '../mqsc/report.js'
import { named } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { banner } from './product.js'

const notHere = ['w', 'x', 'n'] as const
/** A line without an end is cut here; the reader refuses it for its length. */
const lineCharactersMax = 64 * 1024

export interface RunmqscInput {
  readonly stream: Readable
  readonly isTerminal: boolean
}

export const runmqscFrom = (input: () => RunmqscInput): MqCommand => ({
  wrongUse: runmqscExit.notRun,
  forAnybody: true,
  spec: {
    name: 'runmqsc',
    operands: '[QMgrName]',
    operandsMin: 0,
    operandsMax: 1,
    json: 'none',
    summary: 'runs MQSC commands on a queue manager',
    description: 'Reads commands from standard input until END or its end and prints a numbered report. Without a name the default queue manager is meant. ? lists the commands.',
    options: [
      { name: 'f', value: 'file', help: 'read the commands from a file' },
      { name: 'e', help: 'do not echo the commands' },
      { name: 'v', help: 'verify: check the commands, run none; needs no queue manager' },
      { name: 'c', help: "connect as a client to the queue manager that MQSERVER=CHANNEL/TCP/'host(port)' names" },
      { name: 'u', value: 'user', help: 'with -c: the user; the password is the first line of the input' },
      { name: 'm', value: 'QMgrName', help: 'the queue manager, as the word at the end' },
      ...notHere.map(name => ({ name, help: '', isIgnored: true, ...(name === 'w' ? { value: 'seconds' } : {}) }))
    ],
    exit: [
      [0, 'every command was run'],
      [10, 'at least one command failed, found nothing, or was not understood'],
      [20, 'nothing could be run: the queue manager is not available, or not yours to change']
    ],
    examples: [
      ["echo 'define qlocal(A)' | runmqsc QM1", ''],
      ['runmqsc -f objects.mqsc QM1', ''],
      ["MQSERVER=\"ADMIN/TCP/'host(1414)'\" runmqsc -c -u alice QM1", 'on another machine; the first line is the password']
    ].map(([command = '', what = '']) => [command, what] as const)
  },
  run: surroundings => run(surroundings, input)
})

async function run(surroundings: Surroundings, openInput: () => RunmqscInput): Promise<number> {
  const { options, context, complain } = surroundings
  for (const option of notHere) {
    if (!options.has(option)) continue
    complain(`runmqsc: -${option} is not available here`)
    return runmqscExit.notRun
  }
  const file = options.value('f')
  if (file !== null && !fs.existsSync(file)) {
    complain(`runmqsc: the file ${file} cannot be read`)
    return runmqscExit.notRun
  }
  const input = file === null ? openInput() : { stream: fs.createReadStream(file), isTerminal: false }
  const lines = linesOf(input.stream)
  const report = new ReportWriter({ banner: banner(), isEchoing: !options.has('e') })
  const print = (printed: readonly string[]): void => {
    for (const line of printed) context.out(line)
  }
  const given = options.operands[0] ?? options.value('m') ?? undefined
  if (options.has('v')) {
    print(report.start(given ?? ''))
    return await runLines(lines, report, print, null, input.isTerminal)
  }
  const opened = await open(surroundings, given, lines, (id, insert) => {
    print([...report.refuse(id, insert), ...report.finish()])
  })
  if (opened === null) return runmqscExit.notRun
  try {
    print(report.start(opened.queueManager))
    return await runLines(lines, report, print, opened, input.isTerminal)
  } finally {
    await opened.close()
  }
}

/** null when it cannot be reached; that was said. */
async function open(
  surroundings: Surroundings,
  given: string | undefined,
  lines: AsyncGenerator<string>,
  refuse: (id: 'AMQ8146' | 'AMQ8118' | 'AMQ8135' | 'AMQ8145', insert: string) => void
): Promise<Connection | null> {
  const { options, context, layout } = surroundings
  let how: ConnectOptions
  if (options.has('c')) {
    const server = context.env['MQSERVER'] ?? ''
    if (server === '') {
      surroundings.complain("runmqsc: -c needs MQSERVER=CHANNEL/TCP/'host(port)'")
      return null
    }
    const user = options.value('u')
    const password = user === null ? null : ((await lines.next()).value as string | undefined)
    how = { address: server, ...(given === undefined ? {} : { queueManager: given }), ...(user === null ? {} : { user, password: password ?? '' }) }
  } else {
    const found = named({ layout, complain: () => undefined }, given)
    if (!found.ok) {
      refuse('AMQ8118', given ?? '(default)')
      return null
    }
    const { queueManager } = found
    how = { address: `unix:${localFiles(layout, queueManager.directory).socket}`, queueManager: queueManager.name }
  }
  try {
    return await connect({ ...how, application: 'runmqsc' })
  } catch (error) {
    if (!(error instanceof MqError)) throw error
    if (error.reason === reasons.notAuthorized) refuse('AMQ8135', '')
    else refuse('AMQ8146', given ?? how.queueManager ?? '')
    // What no catalogue says: which address, which reason.
    surroundings.complain(`runmqsc: ${error.message}`)
    return null
  }
}

async function runLines(lines: AsyncGenerator<string>, report: ReportWriter, print: (lines: readonly string[]) => void, connection: Connection | null, isTerminal: boolean): Promise<number> {
  const reader = new CommandReader()
  const prompt = (): void => {
    if (isTerminal) process.stdout.write('MQSC> ')
  }
  const take = async (items: readonly ReadItem[]): Promise<boolean> => {
    for (const item of items) {
      switch (item.kind) {
        case 'echo':
          print(report.echo(item))
          break
        case 'fault':
          print(report.fault(item.fault))
          break
        case 'end':
          break
        case 'command':
          if (connection === null) print(report.verified(checkCommand(item.text)))
          else if (!(await runOne(connection, item.text, report, print))) return false
      }
    }
    return true
  }
  prompt()
  for await (const line of lines) {
    if (!(await take(reader.push(line)))) return finish(report, print)
    if (reader.isEnded) break
    prompt()
  }
  if (!reader.isEnded) await take(reader.end())
  return finish(report, print)
}

function finish(report: ReportWriter, print: (lines: readonly string[]) => void): number {
  print(report.finish())
  return report.exitCode
}

/** False when the connection is lost. */
async function runOne(connection: Connection, text: string, report: ReportWriter, print: (lines: readonly string[]) => void): Promise<boolean> {
  try {
    const { outcome, lines } = await connection.command(text)
    print(report.result({ outcome: outcome === 'not-authorized' ? 'failed' : outcome, lines }))
    return true
  } catch (error) {
    if (!(error instanceof MqError)) throw error
    print(report.interrupt('AMQ8145'))
    return false
  }
}

/** The lines of a stream, as they come. */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const chunk of stream) {
    rest += String(chunk)
    for (let end = rest.indexOf('\n'); end !== -1 || rest.length > lineCharactersMax; end = rest.indexOf('\n')) {
      const cut = end === -1 ? lineCharactersMax : end
      yield rest.slice(0, cut)
      rest = rest.slice(end === -1 ? cut : cut + 1)
    }
  }
  if (rest !== '') yield rest
}
