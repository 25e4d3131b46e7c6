import t from 'tap'
import { binaryField, bytesOf, decimalNumberOf, hexField, hexNumberOf, isFieldName, parseDecimalNumber, parseHexNumber, stringField, textOf } from '../../src/wire/fields.js'

t.test('fields: a name twice -> the first one counts', async t => {
  const message = { fields: [stringField('a', 'one'), stringField('a', 'two')] }
  t.equal(textOf(message, 'a'), 'one')
  t.equal(textOf(message, 'b'), undefined)
})

t.test('fields: asked for as another type -> not there', async t => {
  const message = { fields: [stringField('a', 'text'), binaryField('b', Uint8Array.of(1, 2))] }
  t.equal(bytesOf(message, 'a'), undefined)
  t.equal(textOf(message, 'b'), undefined)
  t.strictSame(bytesOf(message, 'b'), Uint8Array.of(1, 2))
})

t.test('numbers: both sides of each bound', async t => {
  t.equal(parseHexNumber('6b0039f4'), 0x6b0039f4)
  t.equal(parseHexNumber('1fffffffffffff'), Number.MAX_SAFE_INTEGER)
  t.equal(parseHexNumber('20000000000000'), null)
  t.equal(parseHexNumber('ff', 255), 255)
  t.equal(parseHexNumber('100', 255), null)
  for (const text of ['', '-1', '+1', '0x1', ' 1', '1 ', 'g', '1.5', '00000000000000001', 'Infinity']) t.equal(parseHexNumber(text), null, `"${text}"`)
  t.equal(parseDecimalNumber('3'), 3)
  for (const text of ['', 'a', '-1', '1e3', '99999999999999999']) t.equal(parseDecimalNumber(text), null, `"${text}"`)
  const message = { fields: [hexField('dt', 2000), stringField('ttl', '3')] }
  t.equal(hexNumberOf(message, 'dt'), 2000)
  t.equal(textOf(message, 'dt'), '7d0')
  t.equal(decimalNumberOf(message, 'ttl'), 3)
  t.equal(decimalNumberOf(message, 'dt'), null)
  t.equal(hexNumberOf(message, 'none'), null)
})

t.test('names: only what both wire forms can carry', async t => {
  for (const name of ['t', 'src', 'a-b', 'x(1)', '_compressed_payload', '#', 'n'.repeat(255)]) t.ok(isFieldName(name), name)
  for (const name of ['', '(a', 'a=b', 'a b', 'a\n', 'a\0', '\u20ac', 'n'.repeat(256)]) t.notOk(isFieldName(name), JSON.stringify(name))
  t.throws(() => stringField('a=b', ''), { name: 'InvariantError' })
  t.throws(() => stringField('a', '\0'), { name: 'InvariantError' })
})
