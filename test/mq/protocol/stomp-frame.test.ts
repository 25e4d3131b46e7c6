import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { FrameDecoder, type Cut } from '../../../src/mq/protocol/stomp/frame.js'
import { escaped, unescaped, type Version } from '../../../src/mq/protocol/stomp/header-text.js'

interface Setting {
  readonly version?: Version | null
  readonly bodyBytesMax?: number
  readonly headerBytesMax?: number
  readonly headerCountMax?: number
}

function decoder(setting: Setting = {}): FrameDecoder {
  const made = new FrameDecoder({ headerCountMax: setting.headerCountMax ?? 8, headerBytesMax: setting.headerBytesMax ?? 200 })
  made.version = setting.version === undefined ? '1.2' : setting.version
  made.bodyBytesMax = setting.bodyBytesMax ?? 1_000
  return made
}

/** Everything the stream holds, in words. */
function read(pieces: readonly Buffer[], setting: Setting = {}): string[] {
  const under = decoder(setting)
  const said: string[] = []
  for (const piece of pieces) {
    under.push(piece)
    for (let cut: Cut = under.next(); cut.kind !== 'more'; cut = under.next()) {
      if (cut.kind === 'fault') return [...said, `${cut.fault}: ${cut.why}${cut.receipt === null ? '' : ` (${cut.receipt})`}`]
      const { command, headers, body } = cut.frame
      said.push(`${command} ${JSON.stringify([...headers])} ${body.toString('latin1')}`)
    }
  }
  return said
}

const one = (text: string, setting: Setting = {}): string => read([Buffer.from(text)], setting).join(' + ')

t.test('stomp frame: command, headers, body -> as they were sent', async test => {
  test.equal(one('SEND\ndestination:/queue/Q\n\nhello\0'), 'SEND [["destination","/queue/Q"]] hello')
  test.equal(one('\n\r\n\nSEND\r\ndestination:/queue/Q\r\n\r\nhello\0\r\n\n'), 'SEND [["destination","/queue/Q"]] hello', 'CR LF, and beats around')
  test.equal(one('SEND\ncontent-length:3\n\na\0b\0BEGIN\n\n\0'), 'SEND [["content-length","3"]] a\0b + BEGIN [] ')
  test.equal(one('SEND\na:1\na:2\nb:\n\n\0'), 'SEND [["a","1"],["b",""]] ', 'the first of repeated headers; empty values')
  test.equal(one('SEND\nurl:http://x:80/\n\n\0'), 'SEND [["url","http://x:80/"]] ', 'the first colon ends the name')
  test.equal(one('SEND\nname:Jürgen €\n\n\0'), 'SEND [["name","Jürgen €"]] ')
  test.equal(one('ACK\nid:1\n\n\n\0'), 'ACK [["id","1"]] ', 'an end of line is no body')
})

t.test('stomp frame: escapes -> by version, never in CONNECT', async test => {
  const text = 'SEND\nk\\cey:a\\nb\\cc\\\\d\\r\n\n\0'
  test.equal(one(text), 'SEND [["k:ey","a\\nb:c\\\\d\\r"]] ')
  test.equal(one(text, { version: '1.1' }), 'SEND [["k:ey","a\\nb:c\\\\d\\\\r"]] ', 'the last two are a backslash and an r')
  test.equal(one(text, { version: '1.0' }), 'SEND [["k\\\\cey","a\\\\nb\\\\cc\\\\\\\\d\\\\r"]] ')
  test.equal(one('CONNECT\npasscode:a\\nb\n\n\0', { version: null }), 'CONNECT [["passcode","a\\\\nb"]] ')
  test.equal(one('SEND\n key : value \n\n\0'), 'SEND [[" key "," value "]] ')
  test.equal(one('SEND\n key : value \n\n\0', { version: '1.0' }), 'SEND [["key","value"]] ')
  test.equal(one('SEND\nreceipt:7\nx:\\t\n\n\0'), 'syntax: header "x" has an escape that is not defined (7)')
  for (const version of ['1.1', '1.2'] as const) {
    for (const value of ['a:b', 'line\nend', '\\n', '\\\\c', '::', version === '1.2' ? '\r\n' : 'x', 'plain']) test.equal(unescaped(escaped(value, version), version), value)
  }
  test.equal(escaped('a\nb\0c', '1.0'), 'a b c')
})

t.test('stomp frame: what is wrong -> a fault with a reason, and nothing after it', async test => {
  test.equal(one('NONSENSE\n\n\0SEND\n\n\0'), 'syntax: unknown command "NONSENSE"')
  test.equal(one('send\n\n\0'), 'syntax: unknown command "send"')
  test.equal(one('SEND\nnocolon\n\n\0'), 'syntax: no colon in header "nocolon"')
  test.equal(one('SEND\n:value\n\n\0'), 'syntax: a header without a name')
  test.equal(one('SEND\nreceipt:r\na\0:b\n\n\0'), 'syntax: the head of SEND holds NUL (r)')
  for (const length of ['-1', 'x', '', '1e3', '99999999999999999', '3 4']) test.match(one(`SEND\ncontent-length:${length}\n\nabc\0`), /^syntax: content-length .* is no length$/)
  test.equal(one('SEND\ncontent-length:2\nreceipt:r\n\nabc\0'), 'syntax: the body of SEND is longer than its content-length 2 (r)')
  test.equal(one('BEGIN\ntransaction:t\n\nbody\0'), 'syntax: BEGIN takes no body')
  test.equal(one('BEGIN\ncontent-length:4\n\nbody\0'), 'syntax: BEGIN takes no body')
})

t.test('stomp frame: limits -> both sides of each', async test => {
  const headers = (count: number): string => `SEND\n${Array.from({ length: count }, (_, index) => `h${index}:x\n`).join('')}\n\0`
  test.match(one(headers(8)), /^SEND/)
  test.equal(one(headers(9)), 'head-too-large: more than 8 headers')
  const head = (bytes: number): string => `SEND\nx:${'y'.repeat(bytes - 9)}\n\n\0`
  test.match(one(head(200)), /^SEND/)
  test.equal(one(head(201)), 'head-too-large: more than 200 bytes of headers')
  test.equal(one('x'.repeat(201)), 'head-too-large: more than 200 bytes of headers', 'no end in sight')
  test.match(one(`SEND\n\n${'z'.repeat(1_000)}\0`), /^SEND/)
  test.equal(one(`SEND\n\n${'z'.repeat(1_001)}\0`), 'body-too-large: the body is longer than 1000 bytes')
  test.equal(one(`SEND\n\n${'z'.repeat(1_001)}`), 'body-too-large: the body is longer than 1000 bytes', 'before its end')
  test.match(one(`SEND\ncontent-length:1000\n\n${'z'.repeat(1_000)}\0`), /^SEND/)
  test.equal(one('SEND\nreceipt:r\ncontent-length:1001\n\n'), 'body-too-large: the body is longer than 1000 bytes (r)', 'before its beginning')
})

t.test('stomp frame: a promised length -> costs nothing before the bytes are there', async test => {
  const under = decoder({ bodyBytesMax: 100_000_000 })
  const before = process.memoryUsage().arrayBuffers
  under.push(Buffer.from('SEND\ncontent-length:100000000\n\nabc'))
  test.equal(under.next().kind, 'more')
  test.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
})

t.test('stomp frame: a long body -> is the received bytes themselves; a short one is a copy', async test => {
  const long = Buffer.concat([Buffer.from('SEND\n\n'), Buffer.alloc(20_000, 1), Buffer.alloc(1)])
  const short = Buffer.from('SEND\n\nabc\0')
  for (const [bytes, isShared] of [[long, true], [short, false]] as const) {
    const under = decoder({ bodyBytesMax: 100_000 })
    under.push(bytes)
    const cut = under.next()
    if (cut.kind !== 'frame') throw new Error(cut.kind)
    const before = cut.frame.body[0]
    bytes[6] = 0xee
    test.equal(cut.frame.body[0] !== before, isShared)
  }
})

t.test('stomp frame: the same bytes in pieces of any size -> the same frames and faults', async test => {
  const prng = new Prng(4711)
  const pieces = ['SEND\n', 'ACK\r\n', 'id:1\n', 'a\\cb:c\n', 'receipt:r\n', 'content-length:3\n', 'content-length:1200\n', '\n', '\r\n', 'abc', '\0', '\0\n', 'é', 'x'.repeat(90), 'BEGIN\n\n\0', 'SEND\n\nhello\0', '\\t:1\n', 'SEND\ncontent-length:5\n\n12\0' + '45\0', 'SEND\ndestination:q\n\n' + 'z'.repeat(400) + '\0']
  for (let round = 0; round < 4_000; round++) {
    const text = Array.from({ length: prng.between(1, 14) }, () => prng.pick(pieces)).join('')
    const whole = Buffer.from(text)
    const expected = read([whole])
    const cut: Buffer[] = []
    for (let at = 0; at < whole.length; ) {
      const size = prng.chance(1, 3) ? 1 : prng.between(1, 60)
      cut.push(whole.subarray(at, at + size))
      at += size
    }
    const found = read(cut)
    if (found.join('\n') !== expected.join('\n')) test.strictSame(found, expected, JSON.stringify(text))
  }
})

t.test('stomp frame: random bytes -> never an exception, never more kept than the limits', async test => {
  const prng = new Prng(99)
  for (let round = 0; round < 500; round++) {
    const under = decoder()
    for (let piece = 0; piece < 30; piece++) {
      const bytes = Buffer.from(Array.from({ length: prng.between(0, 50) }, () => (prng.chance(1, 2) ? prng.pick([10, 13, 0, 58, 92, 83, 65]) : prng.below(256))))
      under.push(bytes)
      for (let cut = under.next(); cut.kind === 'frame'; cut = under.next());
      if (under.waitingBytes > 300) test.fail(`${under.waitingBytes} bytes wait`)
    }
  }
  test.pass('survived')
})
