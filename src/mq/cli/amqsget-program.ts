/** amqsget: gets messages and shows their text until none comes for a while. */

import { connectSample, messageJson, parseSample, runSample } from './amqs-sample.js'
import { parseSeconds } from './amqs-arguments.js'
import type { ConnectionWords, SampleContext } from './amqs-sample.js'

export const amqsget = (args: readonly string[], context: SampleContext): Promise<number> => getMessages('amqsget', args, context)
/** Client-mode twin. */
export const amqsgetc = (args: readonly string[], context: SampleContext): Promise<number> => getMessages('amqsgetc', args, context)

/** What the original's buffer holds; longer messages are cut. */
const bytesMax = 65_535
const waitSecondsDefault = 15

async function getMessages(name: string, args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name,
      about: 'Gets messages from a queue and shows them, until none comes for a while.',
      describe: program =>
        program
          .argument('<queue>')
          .argument('[queue-manager]')
          .option('--wait <seconds>', 'how long to wait for one more', parseSeconds, waitSecondsDefault)
          .option('--json', 'one JSON object a message, whole, and nothing else')
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const [queueName = '', queueManager = ''] = command.args
  const { wait, json } = command.opts<ConnectionWords & { wait: number }>()
  const frame = (line: string): void => {
    if (json !== true) context.out(line)
  }
  frame('Sample AMQSGET0 start')
  const status = await runSample(context, async at => {
    await using connection = await connectSample(command, queueManager, context, { isClient: name === 'amqsgetc' })
    at('MQOPEN', 'unable to open queue for input')
    await using queue = await connection.openQueue(queueName, { input: 'default' })
    at('MQGET')
    const room = json === true ? {} : { bytesMax, acceptTruncated: true }
    for (;;) {
      const message = await queue.get({ waitMs: wait * 1_000, ...room })
      if (message === null) break
      if (message.isTruncated) frame('MQGET ended with reason code 2079')
      context.out(json === true ? messageJson(message) : `message <${message.text}>`)
    }
    frame('no more messages')
    return 0
  })
  frame('Sample AMQSGET0 end')
  return status
}
