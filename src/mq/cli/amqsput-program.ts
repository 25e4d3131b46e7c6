/** amqsput: each line of standard input becomes a message; an empty line or the end of input ends it. */

import { createInterface } from 'node:readline'
import { parsePriority } from './amqs-arguments.js'
import { connectSample, parseSample, runSample, statusOf } from './amqs-sample.js'
import type { ConnectionWords, SampleContext } from './amqs-sample.js'

export const amqsput = (args: readonly string[], context: SampleContext): Promise<number> => putLines('amqsput', args, context)
/** Client-mode twin. */
export const amqsputc = (args: readonly string[], context: SampleContext): Promise<number> => putLines('amqsputc', args, context)

interface Words extends ConnectionWords {
  readonly persistent?: boolean
  readonly priority?: number
}

async function putLines(name: string, args: readonly string[], context: SampleContext): Promise<number> {
  const isClient = name === 'amqsputc'
  const command = parseSample(
    {
      name,
      about: 'Puts the lines of standard input on a queue, one message each; an empty line ends it.',
      describe: program =>
        program
          .argument('<queue>')
          .argument('[queue-manager]')
          .option('--persistent', 'persistent messages, whatever DEFPSIST says')
          .option('--no-persistent', 'messages that are not persistent')
          .option('--priority <0-9>', "priority; default the queue's DEFPRTY", parsePriority)
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const [queueName = '', queueManager = ''] = command.args
  const words = command.opts<Words>()
  const options = {
    ...(words.persistent === undefined ? {} : { persistent: words.persistent }),
    ...(words.priority === undefined ? {} : { priority: words.priority })
  }
  context.out('Sample AMQSPUT0 start')
  const status = await runSample(context, async at => {
    await using connection = await connectSample(command, queueManager, context, { isClient })
    context.out(`target queue is ${queueName}`)
    at('MQOPEN', 'unable to open queue for output')
    await using queue = await connection.openQueue(queueName, { output: true })
    at('MQPUT')
    let worst = 0
    const lines = createInterface({ input: context.input ?? process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
    try {
      for await (const line of lines) {
        if (line === '') break
        const { warning } = await queue.put(line, options)
        if (warning === 0) continue
        context.out(`MQPUT ended with reason code ${warning}`)
        worst = statusOf(warning)
      }
    } finally {
      lines.close() // input that is still open must not keep the program
    }
    return worst
  })
  context.out('Sample AMQSPUT0 end')
  return status
}
