import t from 'tap'
import { HaError } from '../../../src/base/errors.js'
import { Prng } from '../../../src/base/prng.js'
import { decodeHead, encodeHead } from '../../../src/mq/core/head.js'
import { defaultDescriptor, noProperties, type Descriptor, type PropertyValue } from '../../../src/mq/core/message.js'

const full: Descriptor = {
  report: 0x01e0_3900,
  messageType: 65_536,
  expiry: 12,
  feedback: 2053,
  encoding: 273,
  codedCharacterSetId: 819,
  format: 'MQHRF2',
  priority: 9,
  persistence: 1,
  messageId: Buffer.alloc(24, 1),
  correlationId: Buffer.alloc(24, 2),
  backoutCount: 3,
  replyToQueue: 'R'.repeat(48),
  replyToQueueManager: 'M'.repeat(48),
  userIdentifier: 'älice',
  accountingToken: Buffer.alloc(32, 3),
  applicationIdentityData: 'identity',
  putApplicationType: 28,
  putApplicationName: 'application',
  putDate: '20260301',
  putTime: '12000001',
  applicationOriginData: 'orig',
  groupId: Buffer.alloc(24, 4),
  sequenceNumber: 7,
  offset: 8,
  flags: 24,
  originalLength: 100
}

const values: readonly PropertyValue[] = [null, true, false, 0, -1.5, 2 ** 53, 5n, -(2n ** 63n), '', 'größe', Buffer.alloc(0), Buffer.from([1, 2, 3])]

t.test('head: every field set, none set -> the same after reading, and defaults take no room', async t => {
  for (const descriptor of [full, defaultDescriptor]) t.strictSame(decodeHead(encodeHead(descriptor, noProperties)), { descriptor: { ...descriptor }, properties: noProperties })
  t.equal(encodeHead(defaultDescriptor, noProperties).length, 5)
})

t.test('head: properties of every type -> the same, in order', async t => {
  const properties = new Map(values.map((value, index) => [`usr.p${index}`, value]))
  const { properties: read } = decodeHead(encodeHead(full, properties))
  t.strictSame([...read], [...properties])
})

t.test('head: larger than the writer has room for -> grows', async t => {
  const properties = new Map<string, PropertyValue>([['big', 'x'.repeat(100_000)], ['bytes', Buffer.alloc(200_000, 7)]])
  t.strictSame([...decodeHead(encodeHead(full, properties)).properties], [...properties])
  t.strictSame(decodeHead(encodeHead(full, noProperties)).descriptor, full, 'and small ones after it are right')
})

t.test('head: expiry and backout count of the queue -> in place of those of the put', async t => {
  const { descriptor } = decodeHead(encodeHead(full, noProperties), { expiry: 5, backoutCount: 9 })
  t.strictSame(descriptor, { ...full, expiry: 5, backoutCount: 9 })
})

t.test('head: cut anywhere, or with anything behind it -> HA_MQ_DAMAGED', async t => {
  const head = encodeHead(full, new Map(values.map((value, index) => [`p${index}`, value])))
  for (let length = 0; length < head.length; length++) t.throws(() => decodeHead(head.subarray(0, length)), { code: 'HA_MQ_DAMAGED' }, `${length} bytes`)
  t.throws(() => decodeHead(Buffer.concat([head, Buffer.from([0])])), { code: 'HA_MQ_DAMAGED' })
})

t.test('head: random damage -> a head or HA_MQ_DAMAGED, nothing else and not for long', async t => {
  const prng = new Prng(1)
  const head = encodeHead(full, new Map(values.map((value, index) => [`p${index}`, value])))
  for (let round = 0; round < 20_000; round++) {
    const damaged = Buffer.from(head)
    for (let count = prng.between(1, 4); count > 0; count--) damaged[prng.below(damaged.length)] = prng.below(256)
    try {
      decodeHead(damaged)
    } catch (error) {
      if (!(error instanceof HaError) || error.code !== 'HA_MQ_DAMAGED') throw error
    }
  }
  t.pass('20,000 of them')
})
