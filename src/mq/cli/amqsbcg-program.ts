/** amqsbcg: every message of a queue with its whole descriptor and a dump of its bytes; browsed, or got with `--get`. */

import type { Descriptor, Received } from '../../client/client.js'
import { parseSeconds } from './amqs-arguments.js'
import { connectSample, parseSample, runSample } from './amqs-sample.js'
import type { ConnectionWords, SampleContext } from './amqs-sample.js'

const bytesPerLine = 16

export async function amqsbcg(args: readonly string[], context: SampleContext): Promise<number> {
  const command = parseSample(
    {
      name: 'amqsbcg',
      about: 'Shows descriptor and bytes of every message of a queue.',
      describe: program =>
        program
          .argument('<queue>')
          .argument('[queue-manager]')
          .option('--get', 'get the messages instead of browsing them')
          .option('--wait <seconds>', 'how long to wait for one more', parseSeconds, 0)
    },
    args,
    context
  )
  if (typeof command === 'number') return command
  const [queueName = '', queueManager = ''] = command.args
  const words = command.opts<ConnectionWords & { get?: true; wait: number }>()
  const say = (...lines: string[]): void => lines.forEach(line => context.out(line))
  say('AMQSBCG0 - starts here', '*'.repeat(22), ' ')
  return await runSample(context, async at => {
    await using connection = await connectSample(command, queueManager, context)
    say(` MQOPEN - '${queueName}'`, ' ')
    at('MQOPEN')
    await using queue = await connection.openQueue(queueName, words.get === true ? { input: 'default' } : { browse: true })
    at('MQGET')
    const sizes: number[] = []
    const waitMs = words.wait * 1_000
    const show = (message: Received): void => {
      sizes.push(message.body.length)
      say(...messageLines(message, sizes.length))
    }
    if (words.get === true) for (let message = await queue.get({ waitMs }); message !== null; message = await queue.get({ waitMs })) show(message)
    else for await (const message of queue.browse({ waitMs })) show(message)
    say(' ', ' No more messages ', ...summaryLines(sizes))
    at('MQCLOSE')
    await queue.close()
    say(' MQCLOSE')
    await connection.close()
    say(' MQDISC')
    return 0
  })
}

function messageLines(message: Received, number: number): string[] {
  const { descriptor, body } = message
  return [
    ' ',
    ` MQGET of message number ${number}, CompCode:0 Reason:0`,
    '****Message descriptor****',
    '',
    ...descriptorLines(descriptor),
    '',
    '****   Message      ****',
    ' ',
    ` length - ${body.length} of ${message.wholeBytes} bytes`,
    '',
    ...dumpLines(body),
    ' '
  ]
}

function descriptorLines(descriptor: Descriptor): string[] {
  const text = (value: string, length: number): string => `'${value.padEnd(length)}'`
  const bytes = (value: Buffer): string => `X'${value.toString('hex').toUpperCase()}'`
  return [
    `  StrucId  : 'MD  '  Version : 2`,
    `  Report   : ${descriptor.report}  MsgType : ${descriptor.messageType}`,
    `  Expiry   : ${descriptor.expiry}  Feedback : ${descriptor.feedback}`,
    `  Encoding : ${descriptor.encoding}  CodedCharSetId : ${descriptor.codedCharacterSetId}`,
    `  Format : ${text(descriptor.format, 8)}`,
    `  Priority : ${descriptor.priority}  Persistence : ${descriptor.persistence}`,
    `  MsgId : ${bytes(descriptor.messageId)}`,
    `  CorrelId : ${bytes(descriptor.correlationId)}`,
    `  BackoutCount : ${descriptor.backoutCount}`,
    `  ReplyToQ       : ${text(descriptor.replyToQueue, 48)}`,
    `  ReplyToQMgr    : ${text(descriptor.replyToQueueManager, 48)}`,
    '  ** Identity Context',
    `  UserIdentifier : ${text(descriptor.userIdentifier, 12)}`,
    '  AccountingToken :',
    `   ${bytes(descriptor.accountingToken)}`,
    `  ApplIdentityData : ${text(descriptor.applicationIdentityData, 32)}`,
    '  ** Origin Context',
    `  PutApplType    : '${descriptor.putApplicationType}'`,
    `  PutApplName    : ${text(descriptor.putApplicationName, 28)}`,
    `  PutDate  : ${text(descriptor.putDate, 8)}    PutTime  : ${text(descriptor.putTime, 8)}`,
    `  ApplOriginData : ${text(descriptor.applicationOriginData, 4)}`,
    '',
    `  GroupId : ${bytes(descriptor.groupId)}`,
    `  MsgSeqNumber   : '${descriptor.sequenceNumber}'`,
    `  Offset         : '${descriptor.offset}'`,
    `  MsgFlags       : '${descriptor.flags}'`,
    `  OriginalLength : '${descriptor.originalLength}'`
  ]
}

/** `00000000:  4865 6C6C 6F                             'Hello           '`: sixteen bytes a line. */
export function dumpLines(body: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at < body.length; at += bytesPerLine) {
    const part = body.subarray(at, at + bytesPerLine)
    const digits = part.toString('hex').toUpperCase().padEnd(bytesPerLine * 2)
    const groups = digits.match(/.{4}/g) ?? []
    const printable = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.').padEnd(bytesPerLine)
    lines.push(`${at.toString(16).toUpperCase().padStart(8, '0')}:  ${groups.join(' ')} '${printable}'`)
  }
  return lines
}

function summaryLines(sizes: readonly number[]): string[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const of = (value: number): string => String(value)
  const smallest = sizes.length === 0 ? 0 : sizes.reduce((least, size) => Math.min(least, size))
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0)
  return [
    ' ',
    ` Messages       : ${of(sizes.length)}`,
    ` Smallest bytes : ${of(smallest)}`,
    ` Largest bytes  : ${of(largest)}`,
    ` Average bytes  : ${of(sizes.length === 0 ? 0 : Math.round(total / sizes.length))}`,
    ' '
  ]
}
