/**
 * runmqsc sessions as text: what is typed and what is answered, in one, as an operator sees it.
 *
 * The input is read back from the echoes (`     1 : …`, `       : …`). A line that begins with `!` arranges something in
 * the fake queue manager; `exit N` at the end is the exit code.
 */

import { CommandReader } from '../../../src/mq/mqsc/lines.js'
import { executeCommand } from '../../../src/mq/mqsc/execute.js'
import { ReportWriter } from '../../../src/mq/mqsc/report.js'
import type { Environment } from '../../../src/mq/mqsc/result.js'
import { channelInstance, FakeAdministration, fakeEnvironment, FakeFacilities, openFor } from '../fake/fake-administration.js'

const echo = /^(?: {0,5}\d{1,6}| {6}) : (.*)$/

export const inputOf = (told: string): string[] =>
  told.split('\n').flatMap(line => (line.startsWith('!') ? [line] : [...(echo.exec(line)?.slice(1) ?? [])]))

/** The session replayed: title, report, exit code. */
export async function replaySession(told: string): Promise<string> {
  const title = told.split('\n').filter(line => line.startsWith('# '))
  return [...title, ...(await runSession(inputOf(told))), ''].join('\n')
}

export async function runSession(input: readonly string[], environment: Environment = fakeEnvironment()): Promise<string[]> {
  const report = new ReportWriter({ banner: 'Linux-Heartbeat queue manager' })
  const reader = new CommandReader()
  const lines: string[] = report.start(environment.administration.name)
  const take = async (items: ReturnType<CommandReader['push']>): Promise<void> => {
    for (const item of items) {
      if (item.kind === 'echo') lines.push(...report.echo(item))
      if (item.kind === 'fault') lines.push(...report.fault(item.fault))
      if (item.kind === 'command') lines.push(...report.result(await executeCommand(item.text, environment)))
    }
  }
  for (const line of input) {
    if (line.startsWith('!')) {
      arrange(line, environment)
      lines.push(line)
    } else await take(reader.push(line))
  }
  await take(reader.end())
  return [...lines, ...report.finish(), `exit ${report.exitCode}`]
}

function arrange(line: string, { administration, facilities }: Environment): void {
  if (!(administration instanceof FakeAdministration) || !(facilities instanceof FakeFacilities)) throw new Error('only a fake queue manager can be arranged')
  const environment = { administration, facilities }
  const [, verb = '', name = '', value = ''] = line.split(/\s+/)
  switch (verb) {
    case 'depth':
      environment.administration.depths.set(name, Number(value))
      return
    case 'open':
      openFor(environment, name, value === 'output' ? 'output' : 'input')
      return
    case 'channel':
      environment.facilities.instances.push(channelInstance(name, value === '' ? undefined : value))
      return
    case 'refuse':
      environment.administration.refuseNext = Number(name)
      return
    case 'port-taken':
      environment.facilities.listenerProblem = 'address in use'
      return
    case 'topic':
      environment.administration.publishedTo.push({ topic: name, publishers: 0, subscribers: Number(value), isRetained: true })
      return
    case 'subscription':
      environment.administration.subscribed.push({ name, topic: value, destination: 'SYSTEM.MANAGED.DURABLE.1', isDurable: true, messages: 3 })
      return
    default:
      throw new Error(`not an arrangement: ${line}`)
  }
}
