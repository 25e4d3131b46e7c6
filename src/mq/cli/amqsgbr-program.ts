/** amqsgbr: shows the messages of a queue, numbered, and leaves them. */

import { parseSeconds } from './amqs-arguments.js'
import { connectSample, messageJson, parseSample, runSample } from './amqs-sample.js'
import type { ConnectionWords, SampleContext } from './amqs-sample.js'

const bytesMax = 65_535

export async function amqsgbr(args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name: 'amqsgbr',
      about: 'Shows the messages of a queue and leaves them where they are.',
      describe: program =>
        program
          .argument('<queue>')
          .argument('[queue-manager]')
          .option('--wait <seconds>', 'how long to wait for one more', parseSeconds, 0)
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
  frame('Sample AMQSGBR0 (browse) start')
  const status = await runSample(context, async at => {
    await using connection = await connectSample(command, queueManager, context)
    frame(`Messages for ${queueName}`)
    at('MQOPEN', 'unable to open queue for browse')
    await using queue = await connection.openQueue(queueName, { browse: true })
    at('MQGET')
    let number = 0
    const room = json === true ? {} : { bytesMax, acceptTruncated: true }
    for await (const message of queue.browse({ waitMs: wait * 1_000, ...room })) {
      number++
      context.out(json === true ? messageJson(message) : `${number} ${message.text}`)
    }
    frame('no more messages')
    return 0
  })
  frame('Sample AMQSGBR0 (browse) end')
  return status
}
