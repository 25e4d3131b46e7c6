import t from 'tap'
import { Buffer } from 'node:buffer'
import { format, inspect } from 'node:util'
import { Secret } from '../../src/base/secret.js'

const text = 'correct horse battery staple'
const bytes = Buffer.from(text)
const secret = new Secret(bytes)
const hides = (printed: string): boolean => printed.includes('[redacted]') && !printed.includes('horse') && !printed.includes(bytes.toString('hex').slice(0, 8)) && !printed.includes('99, 111')

t.test('secret: revealed -> its very bytes', async t => {
  t.equal(secret.reveal(), bytes)
})

t.test('secret: printed in any way, alone or within something -> redacted', async t => {
  const key = { id: 1, method: 'sha1', secret }
  const printed = [
    String(secret),
    `${secret}`,
    'x' + secret,
    JSON.stringify(secret),
    JSON.stringify(key),
    JSON.stringify(new Map([[1, key]]).get(1)),
    inspect(secret),
    inspect(key),
    inspect(key, { showHidden: true, depth: Infinity, customInspect: true }),
    inspect(new Map([[1, key]]), { depth: Infinity }),
    format('%s %o %O %j', secret, secret, secret, secret)
  ]
  for (const one of printed) t.ok(hides(one), one)
})

t.test('secret: taken apart -> has no property that holds it', async t => {
  t.strictSame(Reflect.ownKeys(secret), [])
  t.strictSame(Object.entries(secret), [])
  t.strictSame({ ...secret }, {})
  t.notOk(inspect(secret, { customInspect: false, showHidden: true }).includes('horse'))
  t.notMatch(inspect(secret, { customInspect: false, showHidden: true }), /63 6f 72/)
})
