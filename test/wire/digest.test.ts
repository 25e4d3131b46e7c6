import t from 'tap'
import { createHmac } from 'node:crypto'
import { digestOf, isDigestOf } from '../../src/wire/digest.js'
import { authKey } from './vectors.js'

const text = Buffer.from('###\n11:(0)t=status,%%%\n'.repeat(30))

t.test('digest: secrets shorter than, as long as and longer than a block of the hash -> the HMAC of RFC 2104', async t => {
  for (const method of ['md5', 'sha1', 'sha256', 'sha512'] as const) {
    for (const length of [1, 20, 63, 64, 65, 127, 128, 129, 300]) {
      const secret = 'k'.repeat(length)
      const key = authKey(1, method, secret)
      const expected = createHmac(method, secret).update(text).digest('hex')
      t.equal(digestOf(key, text), expected, `${method}, secret of ${length} bytes`)
      t.equal(digestOf(key, text.subarray(0, 7), text.subarray(7)), expected, 'in parts, and with the key used before')
    }
  }
})

t.test('digest: upper case, another length, another secret -> not the digest', async t => {
  const key = authKey(1, 'sha1', 'k1')
  const right = digestOf(key, text)
  t.ok(isDigestOf(right, key, text))
  t.notOk(isDigestOf(right.toUpperCase(), key, text))
  t.notOk(isDigestOf(right.slice(1), key, text))
  t.notOk(isDigestOf(right, authKey(1, 'sha1', 'k2'), text))
  t.notOk(isDigestOf(right, key, text.subarray(1)))
})
