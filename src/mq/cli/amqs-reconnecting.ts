/**
 * amqsphac, amqsghac, amqsmhac: put, get and move messages while queue managers fail over, and say when the connection is
 * lost and found. For trying out a cluster, and as examples of the client library.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { MqError, reasons } from '../../client/client.js'
import type { Connection, ConnectionNotice } from '../../client/client.js'
import { parseCount, parseSeconds } from './amqs-arguments.js'
import { connectSample, parseSample, runSample } from './amqs-sample.js'
import type { SampleContext } from './amqs-sample.js'

const waitSecondsDefault = 15

/** Connects with failover, whatever the address is, and reports what becomes of the connection. */
function connectReconnecting(command: Command, queueManager: string, context: SampleContext): Promise<Connection> {
  return connectSample(command, queueManager, context, { failover: { initialReconnectDelay: 100, maxReconnectDelay: 2_000 }, onNotice: notice => report(notice, context) })
}

function report(notice: ConnectionNotice, context: SampleContext): void {
  switch (notice.kind) {
    case 'reconnecting':
      context.out('EVENT : Connection Reconnecting')
      break
    case 'reconnected':
      context.out('EVENT : Connection Reconnected')
      break
    case 'quiesce':
      context.out('EVENT : Queue Manager Quiescing')
      break
    case 'closed':
      if (notice.error !== null) context.out('EVENT : Connection Broken')
  }
}

/** Puts numbered messages, one after the other, each exactly once. */
export async function amqsphac(args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name: 'amqsphac',
      about: 'Puts numbered messages on a queue, through failovers.',
      describe: program =>
        program
          .argument('<queue>')
          .argument('[queue-manager]')
          .option('--count <messages>', 'how many; default until it is ended', parseCount)
          .option('--interval <seconds>', 'time between two', parseSeconds, 2)
          .option('--persistent', 'persistent messages, whatever DEFPSIST says')
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const [queueName = '', queueManager = ''] = command.args
  const { count, interval, persistent } = command.opts<{ count?: number; interval: number; persistent?: true }>()
  context.out('Sample AMQSPHAC start')
  const status = await runSample(context, async at => {
    await using connection = await connectReconnecting(command, queueManager, context)
    context.out(`target queue is ${queueName}`)
    at('MQOPEN', 'unable to open queue for output')
    await using queue = await connection.openQueue(queueName, { output: true })
    at('MQPUT')
    for (let number = 1; number <= (count ?? Number.POSITIVE_INFINITY); number++) {
      if (number > 1) await pause(interval * 1_000)
      await queue.put(`Message ${number}`, persistent === true ? { persistent } : {})
      context.out(`message <Message ${number}>`)
    }
    return 0
  })
  context.out('Sample AMQSPHAC end')
  return status
}

/** Gets messages as they come; one that is being got when the connection breaks comes again. */
export async function amqsghac(args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name: 'amqsghac',
      about: 'Gets messages from a queue, through failovers, until none comes for a while.',
      describe: program => program.argument('<queue>').argument('[queue-manager]').option('--wait <seconds>', 'how long to wait for one more', parseSeconds, waitSecondsDefault)
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const [queueName = '', queueManager = ''] = command.args
  const { wait } = command.opts<{ wait: number }>()
  context.out('Sample AMQSGHAC start')
  const status = await runSample(context, async at => {
    await using connection = await connectReconnecting(command, queueManager, context)
    at('MQOPEN', 'unable to open queue for input')
    await using queue = await connection.openQueue(queueName, { input: 'default' })
    at('MQGET')
    for (;;) {
      const text = await connection.transaction(async unit => (await queue.get({ waitMs: wait * 1_000, unit }))?.text ?? null, { retries: Number.POSITIVE_INFINITY })
      if (text === null) break
      context.out(`message <${text}>`)
    }
    context.out('no more messages')
    return 0
  })
  context.out('Sample AMQSGHAC end')
  return status
}

/** Moves messages from one queue to another, each in a unit of work of its own, so that none is lost or doubled. */
export async function amqsmhac(args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name: 'amqsmhac',
      about: 'Moves messages from one queue to another in units of work, through failovers.',
      describe: program =>
        program
          .requiredOption('-s, --source <queue>', 'get from')
          .requiredOption('-t, --target <queue>', 'put to')
          .option('-m, --queue-manager <name>', 'queue manager', '')
          .option('-w, --wait <seconds>', 'how long to wait for one more', parseSeconds, waitSecondsDefault)
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const { source, target, queueManager, wait } = command.opts<{ source: string; target: string; queueManager: string; wait: number }>()
  context.out('Sample AMQSMHAC start')
  const status = await runSample(context, async at => {
    await using connection = await connectReconnecting(command, queueManager, context)
    at('MQOPEN', 'unable to open queue for input')
    await using from = await connection.openQueue(source, { input: 'default' })
    at('MQOPEN', 'unable to open queue for output')
    await using to = await connection.openQueue(target, { output: true })
    at('MQCMIT')
    let moved = 0
    while (await isOneMoved()) moved++
    context.out(`no more messages; ${moved} moved`)
    return 0

    async function isOneMoved(): Promise<boolean> {
      try {
        return await connection.transaction(
          async unit => {
            const message = await from.get({ waitMs: wait * 1_000, unit })
            if (message === null) return false
            const { descriptor, properties } = message
            await to.put(message.body, { descriptor, properties, keepContext: true, unit })
            return true
          },
          { retries: Number.POSITIVE_INFINITY }
        )
      } catch (error) {
        // Whether it was moved is not known; if not, it is still there.
        if (error instanceof MqError && error.reason === reasons.callInterrupted) return true
        throw error
      }
    }
  })
  context.out('Sample AMQSMHAC end')
  return status
}
