import t from 'tap'
import { Buffer } from 'node:buffer'
import { binaryField, stringField } from '../../src/wire/fields.js'
import { decodeDatagram, encodeClassic, encodeNetstring } from '../../src/wire/datagram.js'
import { digestOf } from '../../src/wire/digest.js'
import type { AuthKey } from '../../src/config/types.js'
import type { Field } from '../../src/wire/message.js'
import { authKey, authKeys, readVectors } from './vectors.js'

const vectors = readVectors()
const sha1 = authKey(1, 'sha1', 'k1')
const md5 = authKey(2, 'md5', 'k2')
const crc = authKey(3, 'crc', '')
const keys = authKeys(sha1, md5, authKey(4, 'sha1', 'k4'))
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const reasonOf = (bytes: Uint8Array, known = keys): string => {
  const decoded = decodeDatagram(bytes, known)
  return decoded.ok ? `accepted ${decoded.keyId}` : decoded.reason
}
/** A netstring datagram with this body, signed for real. */
const signedNetstring = (body: string, key: AuthKey = sha1): Buffer => {
  const signature = `${key.id} ${digestOf(key, latin1(body))}`
  return latin1(`${body}${signature.length}:${signature},`)
}
const signedClassic = (lines: string, key: AuthKey = sha1): Buffer =>
  latin1(`>>>\n${lines}auth=${key.id} ${digestOf(key, latin1(lines))}\n<<<\n`)

t.test('vectors: every datagram of Linux-HA -> decoded, verified, and written again to the same bytes', async t => {
  t.equal(vectors.length, 88)
  for (const vector of vectors) {
    const key = authKey(vector.id, vector.auth, vector.key)
    const bytes = Buffer.from(vector.hex, 'hex')
    const decoded = decodeDatagram(bytes, authKeys(key))
    if (!decoded.ok) {
      t.fail(`${vector.name}: refused: ${decoded.reason}`)
      continue
    }
    t.equal(decoded.form, vector.wire)
    t.equal(decoded.keyId, vector.id)
    const fields = decoded.message.fields.map(field => [field.name, field.type, Buffer.from(field.value).toString(field.type === 0 ? 'utf8' : 'hex')])
    t.strictSame(fields, vector.fields, vector.name)
    const again = vector.wire === 'classic' ? encodeClassic(decoded.message, key) : encodeNetstring(decoded.message, key, { innerAuth: vector.msgfmt === 'classic' })
    t.equal(Buffer.from(again).toString('hex'), vector.hex, vector.name)
  }
})

t.test('datagram: cut after every byte -> refused, whatever is missing', async t => {
  for (const vector of sample()) {
    const key = authKeys(authKey(vector.id, vector.auth, vector.key))
    const bytes = Buffer.from(vector.hex, 'hex')
    const accepted = Array.from(bytes.keys()).filter(length => decodeDatagram(bytes.subarray(0, length), key).ok)
    t.strictSame(accepted, [], vector.name)
  }
})

t.test('datagram: every bit flipped in turn -> refused', async t => {
  for (const vector of sample()) {
    const key = authKeys(authKey(vector.id, vector.auth, vector.key))
    const original = Buffer.from(vector.hex, 'hex')
    const accepted: number[] = []
    for (let bit = 0; bit < original.length * 8; bit++) {
      const bytes = Buffer.from(original)
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      if (decodeDatagram(bytes, key).ok) accepted.push(bit)
    }
    t.strictSame(accepted, [], vector.name)
  }
})

/** One vector of each method and form, and the one with a list and a struct. */
function sample(): readonly NonNullable<typeof vectors>[number][] {
  const chosen = new Map((vectors).map(vector => [`${vector.auth} ${vector.wire} ${vector.msgfmt} ${vector.fields.some(field => field[1] > 1)}`, vector]))
  return [...chosen.values()]
}

t.test('datagram: the ones that end the original -> refused', async t => {
  t.equal(reasonOf(latin1('###\n6:(9)a=b,%%%\n')), 'no-signature', 'an unknown type digit, unsigned')
  t.equal(reasonOf(signedNetstring('###\n6:(9)a=b,%%%\n')), 'bad-field-type', 'an unknown type digit, signed')
  t.equal(reasonOf(signedNetstring('###\n6:(5)a=b,%%%\n')), 'bad-field-type', 'the type that exists in memory only')
  t.equal(reasonOf(latin1('###\n6:x0)a=b,%%%\n')), 'no-signature', 'a field that does not begin with (, unsigned')
  t.equal(reasonOf(signedNetstring('###\n6:x0)a=b,%%%\n')), 'malformed', 'a field that does not begin with (, signed')
  t.equal(reasonOf(signedClassic('(9)a=b\n')), 'bad-field-type')
  t.equal(reasonOf(signedClassic('(0)a=b\n')), 'bad-field-type')
})

t.test('datagram: structure broken -> the first reason, cheapest first', async t => {
  const cases: readonly (readonly [string, string | Buffer, string])[] = [
    ['longer than UDP carries', Buffer.alloc(65_508, '#'), 'too-long'],
    ['nothing', '', 'too-short'],
    ['less than the markers', '###\n', 'too-short'],
    ['another protocol', 'GET / HTTP/1.1\r\n', 'wrong-magic'],
    ['no end marker', '###\n6:(0)a=b,', 'malformed'],
    ['half an end marker', '###\n6:(0)a=b,%%\n\n', 'malformed'],
    ['a length past the end', '###\n99999:(0)a=b,%%%\n', 'malformed'],
    ['a length of six digits', '###\n000006:(0)a=b,%%%\n', 'malformed'],
    ['a length with a leading zero', signedNetstring('###\n06:(0)a=b,%%%\n'), 'malformed'],
    ['junk before the colon', signedNetstring('###\n6x:(0)a=b,%%%\n'), 'malformed'],
    ['a missing comma', signedNetstring('###\n6:(0)a=b;%%%\n'), 'malformed'],
    ['a negative length', '###\n-6:(0)a=b,%%%\n', 'malformed'],
    ['no length', '###\n:(0)a=b,%%%\n', 'malformed'],
    ['101 fields', `###\n${'6:(0)a=b,'.repeat(101)}%%%\n`, 'too-many-fields'],
    ['101 lines', `>>>\n${'a=b\n'.repeat(101)}<<<\n`, 'too-many-fields'],
    ['no tail', '###\n6:(0)a=b,%%%\n', 'no-signature'],
    ['no tail but padding', '###\n6:(0)a=b,%%%\n\0', 'no-signature'],
    ['junk for a tail', '###\n6:(0)a=b,%%%\nxxxxxxxxxxxx', 'malformed'],
    ['a tail without a blank', '###\n6:(0)a=b,%%%\n3:1ab,', 'malformed'],
    ['a tail with a sign', '###\n6:(0)a=b,%%%\n5:-1 ab,', 'malformed'],
    ['an id nobody knows', '###\n6:(0)a=b,%%%\n4:99 a,', 'unknown-key'],
    ['a digest of no length', '###\n6:(0)a=b,%%%\n2:1 ,', 'bad-digest'],
    ['a digest in capitals', latin1(signedNetstring('###\n6:(0)a=b,%%%\n').toString('latin1').toUpperCase().replace('A=B', 'a=b')), 'bad-digest'],
    ['something behind the tail', Buffer.concat([signedNetstring('###\n6:(0)a=b,%%%\n'), latin1('x')]), 'malformed'],
    ['a NUL behind the tail', Buffer.concat([signedNetstring('###\n6:(0)a=b,%%%\n'), latin1('\0')]), 'accepted 1'],
    ['no name', signedNetstring('###\n6:(0)=bc,%%%\n'), 'malformed'],
    ['no equals sign', signedNetstring('###\n6:(0)abc,%%%\n'), 'malformed'],
    ['an equals sign only in the next field', signedNetstring('###\n6:(0)abc,6:(0)a=b,%%%\n'), 'malformed'],
    ['a name with a line break', signedNetstring('###\n7:(0)a\n=b,%%%\n'), 'malformed'],
    ['NUL in a string', signedNetstring('###\n7:(0)a=b\0,%%%\n'), 'malformed'],
    ['an empty value', signedNetstring('###\n5:(0)a=,%%%\n'), 'accepted 1'],
    ['no fields', signedNetstring('###\n%%%\n'), 'accepted 1'],
    ['a struct that is none', signedNetstring('###\n6:(2)a=b,%%%\n'), 'malformed'],
    ['a struct with junk behind', signedNetstring('###\n14:(2)a=###\n%%%\nx,%%%\n'), 'malformed'],
    ['a bad type inside a struct', signedNetstring('###\n22:(2)a=###\n6:(7)a=b,%%%\n,%%%\n'), 'bad-field-type'],
    ['a list that is none', signedNetstring('###\n8:(3)a=3:a,%%%\n'), 'malformed'],
    ['a list longer than Linux-HA reads', signedNetstring(`###\n1029:(3)a=1018:${'x'.repeat(1018)},,%%%\n`), 'malformed'],
    ['a compressed message', signedNetstring('###\n26:(1)_compressed_payload=abc,%%%\n'), 'compressed'],
    ['classic without auth', '>>>\na=b\n<<<\n', 'no-signature'],
    ['classic with two auth lines', '>>>\nauth=1 a\nauth=1 a\n<<<\n', 'malformed'],
    ['classic without end', '>>>\na=b\nauth=1 a\n', 'malformed'],
    ['classic without a last line break', '>>>\na=b\nauth=1 a\n<<<', 'malformed'],
    ['classic line without equals sign', signedClassic('ab\n'), 'malformed'],
    ['classic empty line', signedClassic('\n'), 'malformed'],
    ['classic binary that is no base64', signedClassic('(1)a=a*b\n'), 'malformed'],
    ['classic struct that is none', signedClassic('(2)a=b\n'), 'malformed'],
    ['classic NUL', signedClassic('a=b\0\n'), 'malformed']
  ]
  for (const [name, bytes, reason] of cases) t.equal(reasonOf(typeof bytes === 'string' ? latin1(bytes) : bytes), reason, name)
})

t.test('datagram: nested 16 deep -> accepted; 17 deep -> refused, in both forms', async t => {
  const nested = (depth: number): Field => {
    if (depth === 0) return stringField('a', 'b')
    const inner = nested(depth - 1)
    const text = `###\n${4 + inner.name.length + inner.value.length}:(${inner.type})${inner.name}=${Buffer.from(inner.value).toString('latin1')},%%%\n`
    return { name: 's', type: 2, value: latin1(text) }
  }
  t.equal(reasonOf(encodeNetstring({ fields: [nested(16)] }, sha1, { innerAuth: true })), 'accepted 1')
  t.equal(reasonOf(encodeNetstring({ fields: [nested(17)] }, sha1, { innerAuth: false })), 'malformed')
  const classic = encodeClassic({ fields: [nested(16)] }, sha1)
  t.equal(reasonOf(classic), 'accepted 1')
  const lines = Buffer.from(classic).toString('latin1').split('\n')
  t.equal(lines.length, 5, 'a nested message is one line')
})

t.test('keys: two listed, either signs -> accepted with the secret of the named id', async t => {
  const message = { fields: [stringField('t', 'status')] }
  for (const key of [sha1, md5, authKey(4, 'sha1', 'k4')]) {
    t.equal(reasonOf(encodeNetstring(message, key, { innerAuth: true })), `accepted ${key.id}`)
    t.equal(reasonOf(encodeClassic(message, key)), `accepted ${key.id}`)
  }
  t.equal(reasonOf(encodeNetstring(message, authKey(2, 'md5', 'k1'), { innerAuth: true })), 'bad-digest', 'the active secret under another id')
  t.equal(reasonOf(encodeNetstring(message, authKey(1, 'crc', ''), { innerAuth: true })), 'bad-digest', 'a crc under an id that is no crc')
  t.equal(reasonOf(encodeNetstring(message, crc, { innerAuth: true })), 'unknown-key', 'a crc that nobody listed')
  t.equal(reasonOf(encodeNetstring(message, crc, { innerAuth: true }), authKeys(crc)), 'accepted 3')
})

t.test('digest: check values of each method', async t => {
  t.equal(digestOf(crc, latin1('123456789')), '765e7680')
  t.equal(digestOf(crc), 'ffffffff')
  t.equal(digestOf(crc, latin1('1234'), latin1('56789')), '765e7680', 'parts count as one text')
  const jefe = 'what do ya want for nothing?' // RFC 2202 and RFC 4231, test case 2
  t.equal(digestOf(authKey(1, 'md5', 'Jefe'), latin1(jefe)), '750c783e6ab0b503eaa86e310a5db738')
  t.equal(digestOf(authKey(1, 'sha1', 'Jefe'), latin1(jefe)), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79')
  t.equal(digestOf(authKey(1, 'sha256', 'Jefe'), latin1(jefe)), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
  t.match(digestOf(authKey(1, 'sha512', 'Jefe'), latin1(jefe)), /^164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554/)
})

t.test('encoding: an auth field already there -> replaced, never doubled', async t => {
  const message = { fields: [stringField('auth', '1 old'), stringField('t', 'status'), binaryField('srcuuid', Buffer.alloc(16, 7))] }
  const decoded = decodeDatagram(encodeNetstring(message, sha1, { innerAuth: true }), keys)
  t.strictSame(decoded.ok && decoded.message.fields.map(field => field.name), ['t', 'srcuuid', 'auth'])
  const bare = decodeDatagram(encodeNetstring(message, sha1, { innerAuth: false }), keys)
  t.strictSame(bare.ok && bare.message.fields.map(field => field.name), ['t', 'srcuuid'])
})

t.test('encoding: more than the form can carry -> a bug, said as one', async t => {
  const many = { fields: Array.from({ length: 100 }, (_, index) => stringField(`f${index}`, '')) }
  t.throws(() => encodeNetstring(many, sha1, { innerAuth: true }), { name: 'InvariantError' })
  t.throws(() => encodeClassic({ fields: [stringField('big', 'x'.repeat(65_500))] }, sha1), { name: 'InvariantError' })
})
