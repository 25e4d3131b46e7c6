import t from 'tap'
import { Buffer } from 'node:buffer'
import { Prng } from '../../src/base/prng.js'
import { decodeDatagram, encodeClassic, encodeNetstring } from '../../src/wire/datagram.js'
import { nestedValue } from '../../src/wire/netstring.js'
import { digestOf } from '../../src/wire/digest.js'
import type { Field, Message } from '../../src/wire/message.js'
import type { AuthMethod } from '../../src/config/types.js'
import { authKey, authKeys } from './vectors.js'

const seed = Number(process.env['HA_SEED'] ?? 1)
const methods: readonly AuthMethod[] = ['crc', 'md5', 'sha1', 'sha256', 'sha512']
const allKeys = methods.map((method, index) => authKey(index + 1, method, `secret ${index}`))
const keys = authKeys(allKeys[2] ?? authKey(1, 'sha1', ''), ...allKeys)
const nameAlphabet = 'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_-.%#,:<>)'

const randomText = (prng: Prng, alphabet: string, length: number): string => Array.from({ length }, () => alphabet[prng.below(alphabet.length)]).join('')
const randomBytes = (prng: Prng, length: number): Buffer => Buffer.from(Array.from({ length }, () => prng.below(256)))

function randomField(prng: Prng, depth: number): Field {
  const name = randomText(prng, nameAlphabet, prng.between(1, 12))
  switch (prng.below(depth < 4 ? 6 : 4)) {
    case 0:
      return { name, type: 1, value: randomBytes(prng, prng.below(40)) }
    case 1:
      return { name, type: 4, value: randomBytes(prng, prng.below(40)) }
    case 2: {
      const items = Array.from({ length: prng.below(5) }, () => randomText(prng, `${nameAlphabet} =`, prng.below(9)))
      return { name, type: 3, value: Buffer.from(items.map(item => `${item.length}:${item},`).join('')) }
    }
    case 4:
      return { name, type: 2, value: nestedValue(Array.from({ length: prng.below(4) }, () => randomField(prng, depth + 1))) }
    default:
      // Line breaks are in; the other control bytes are what the classic form cannot tell from line breaks.
      return { name, type: 0, value: Buffer.from(randomText(prng, `${nameAlphabet} =\n\u00e4\u20ac`, prng.below(60))) }
  }
}

const randomMessage = (prng: Prng): Message => ({
  fields: Array.from({ length: prng.below(20) }, () => randomField(prng, 0)).filter(field => field.name !== 'auth')
})
const plain = (fields: readonly Field[]): unknown => fields.filter(field => field.name !== 'auth').map(field => [field.name, field.type, Buffer.from(field.value).toString('hex')])

t.test('round trip: random messages, both forms, every method -> the same message', async t => {
  const prng = new Prng(seed)
  for (let round = 0; round < 2000; round++) {
    const message = randomMessage(prng)
    const key = prng.pick(allKeys)
    const datagrams = [encodeNetstring(message, key, { innerAuth: true }), encodeNetstring(message, key, { innerAuth: false }), encodeClassic(message, key)]
    for (const bytes of datagrams) {
      const decoded = decodeDatagram(bytes, keys)
      if (!decoded.ok || decoded.keyId !== key.id || JSON.stringify(plain(decoded.message.fields)) !== JSON.stringify(plain(message.fields))) {
        t.fail(`HA_SEED=${seed} round ${round}: ${Buffer.from(bytes).toString('hex')}`)
        return
      }
    }
  }
  t.pass('2,000 messages')
})

t.test('fuzz: 20,000 damaged datagrams -> refused or understood, never thrown', async t => {
  const prng = new Prng(seed + 1)
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 20_000; round++) {
    const bytes = damaged(prng)
    try {
      const decoded = decodeDatagram(bytes, keys)
      const outcome = decoded.ok ? 'accepted' : decoded.reason
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      if (decoded.ok && decoded.form === 'netstring' && !decoded.message.fields.some(field => field.name === 'auth')) {
        const key = keys.byId.get(decoded.keyId) ?? keys.active
        const again = Buffer.from(encodeNetstring(decoded.message, key, { innerAuth: false }))
        if (!again.equals(bytes.subarray(0, again.length))) throw new Error('an accepted datagram is written differently')
      }
    } catch (error) {
      t.fail(`HA_SEED=${seed} round ${round}: ${String(error)}: ${bytes.toString('hex')}`)
      return
    }
  }
  // The damage must reach every stage, or this test proves less than it says.
  for (const reason of ['accepted', 'malformed', 'bad-digest', 'bad-field-type', 'no-signature', 'unknown-key', 'wrong-magic', 'too-short']) {
    t.ok(outcomes.has(reason), `${reason}: ${outcomes.get(reason) ?? 0}`)
  }
})

/** A datagram with random damage; half of them are signed after the damage, so that the parser behind the digest is reached. */
function damaged(prng: Prng): Buffer {
  if (prng.chance(1, 10)) return Buffer.concat([Buffer.from(prng.pick(['###\n', '>>>\n', '', '###\n%%%\n'])), randomBytes(prng, prng.below(60))])
  const key = prng.pick(allKeys)
  const isClassic = prng.chance(1, 3)
  const whole = Buffer.from(isClassic ? encodeClassic(randomMessage(prng), key) : encodeNetstring(randomMessage(prng), key, { innerAuth: false }))
  if (prng.chance(1, 2)) return mutate(prng, whole)
  if (isClassic) {
    const lines = mutate(prng, whole.subarray(4, whole.lastIndexOf('auth=')))
    return Buffer.concat([Buffer.from('>>>\n'), lines, Buffer.from(`auth=${key.id} ${digestOf(key, lines)}\n<<<\n`)])
  }
  const body = mutate(prng, whole.subarray(0, whole.lastIndexOf('%%%\n') + 4))
  const signature = `${key.id} ${digestOf(key, body)}`
  return Buffer.concat([body, Buffer.from(`${signature.length}:${signature},`)])
}

function mutate(prng: Prng, original: Buffer): Buffer {
  let bytes = Buffer.from(original)
  for (let times = prng.below(4); times > 0; times--) {
    const at = prng.below(bytes.length + 1)
    switch (prng.below(4)) {
      case 0:
        if (at < bytes.length) bytes[at] = prng.below(256)
        break
      case 1:
        bytes = bytes.subarray(0, at)
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(prng.pick(['9', '(', ')', '=', ',', ':', '\n', '\0', '%%%\n', '(9)', '1:', '6:(0)a=b,'])), bytes.subarray(at)])
        break
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + prng.below(5))])
    }
  }
  return bytes
}
