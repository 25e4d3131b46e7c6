/**
 * How long one datagram takes; run by hand: `npx tsc && node dist/test/wire/bench-wire.js`. Aim: under 40 µs each.
 */

import { binaryField, hexField, stringField } from '../../src/wire/fields.js'
import { decodeDatagram, encodeNetstring } from '../../src/wire/datagram.js'
import type { AuthMethod } from '../../src/config/types.js'
import { authKey, authKeys } from './vectors.js'

const message = {
  fields: [
    stringField('t', 'status'),
    stringField('st', 'active'),
    hexField('dt', 2000),
    stringField('protocol', '1'),
    stringField('hbx', '1'),
    stringField('hbx_phase', 'active'),
    stringField('hbx_ack', '6b0039f4.1a2b.1'),
    stringField('hbx_own', '0123abcd.4567ef01.4.3.0,89abcdef.01234567.1.2.0'),
    stringField('src', 'alpha'),
    binaryField('srcuuid', new Uint8Array(16).fill(7)),
    hexField('seq', 123456),
    hexField('hg', 0x6b0039f4),
    hexField('ts', 0x6b0039f4),
    stringField('ld', '0.25 0.53 0.56 2/133 6312'),
    stringField('ttl', '3')
  ]
}
const rounds = 100_000
const methods: readonly AuthMethod[] = ['crc', 'md5', 'sha1', 'sha256', 'sha512']

function microsecondsOf(work: () => void): string {
  for (let round = 0; round < rounds / 10; round++) work()
  const start = process.hrtime.bigint()
  for (let round = 0; round < rounds; round++) work()
  return (Number(process.hrtime.bigint() - start) / 1000 / rounds).toFixed(1)
}

for (const method of methods) {
  const key = authKey(1, method, 'a secret of some length')
  const keys = authKeys(key)
  const bytes = encodeNetstring(message, key, { innerAuth: true })
  const both = microsecondsOf(() => encodeNetstring(message, key, { innerAuth: true }))
  const tail = microsecondsOf(() => encodeNetstring(message, key, { innerAuth: false }))
  const decode = microsecondsOf(() => decodeDatagram(bytes, keys))
  process.stdout.write(`${method}, ${bytes.length} bytes: encode ${both} µs, without inner auth ${tail} µs, decode ${decode} µs\n`)
}
