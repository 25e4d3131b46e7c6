/**
 * amqsbrowse: shows each message and asks whether to really get it, as the program of the walkthrough does. Answers come
 * from standard input, a line each, so that a script may give them: `yes | amqsbrowse Q`, or `--yes 4` for the first four.
 */

import { createInterface } from 'node:readline'
import type { Received } from '../../client/client.js'
import { parseCount } from './amqs-arguments.js'
import { connectSample, messageJson, parseSample, runSample } from './amqs-sample.js'
import type { ConnectionWords, SampleContext } from './amqs-sample.js'

interface Words extends ConnectionWords {
  readonly yes?: number
}

export async function amqsbrowse(args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name: 'amqsbrowse',
      about: 'Shows each message of a queue and asks whether to get it.',
      describe: program =>
        program
          .argument('<queue>')
          .argument('[queue-manager]')
          .option('--yes <count>', 'get so many without asking, then leave the others without asking', parseCount)
          .option('--json', 'one JSON object a message, with "got", and nothing else')
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const [queueName = '', queueManager = ''] = command.args
  const words = command.opts<Words>()
  const say = (line: string): void => {
    if (words.json !== true) context.out(line)
  }
  const answers = words.yes === undefined ? new Answers(context) : null
  let left = words.yes ?? 0
  const isWanted = async (): Promise<boolean> => {
    if (answers !== null) return await answers.ask(words.json === true ? null : 'get it? (y/n)')
    return left-- > 0
  }
  try {
    return await runSample(context, async at => {
      await using connection = await connectSample(command, queueManager, context)
      at('MQOPEN', 'unable to open queue for browse and input')
      await using queue = await connection.openQueue(queueName, { browse: true, input: 'shared' })
      at('MQGET')
      let number = 0
      for await (const message of queue.browse()) {
        say(`${++number} ${message.text}`)
        const got: Received | null = (await isWanted()) ? await message.get() : null
        if (words.json === true) context.out(JSON.stringify({ ...(JSON.parse(messageJson(message)) as object), got: got !== null }))
        else if (got !== null) say(`got ${got.text}`)
      }
      say('no more messages: completion code 2, reason 2033')
      return 0
    })
  } finally {
    answers?.close()
  }
}

/** Lines of standard input, asked for one by one. At its end every answer is no. */
class Answers {
  readonly #lines: AsyncIterableIterator<string>
  readonly #reader: ReturnType<typeof createInterface>
  readonly #context: SampleContext

  constructor(context: SampleContext) {
    this.#context = context
    this.#reader = createInterface({ input: context.input ?? process.stdin })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** Asks until the answer is yes or no. */
  async ask(question: string | null): Promise<boolean> {
    for (;;) {
      if (question !== null) this.#context.out(question)
      const line = await this.#lines.next()
      if (line.done === true) return false
      const word = line.value.trim().toLowerCase()
      if (word === 'y' || word === 'yes') return true
      if (word === 'n' || word === 'no') return false
    }
  }

  close(): void {
    this.#reader.close()
  }
}
