import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { defaultDescriptor, noProperties, type Descriptor, type PropertyValue } from '../../../src/mq/core/message.js'
import { matches, parseSelector, selectorLengthMax } from '../../../src/mq/core/selector.js'

const descriptor: Descriptor = {
  ...defaultDescriptor,
  priority: 7,
  persistence: 1,
  messageId: Buffer.from('414d5120514d312020202020202020200000000100000007', 'hex'),
  putDate: '20260102',
  putTime: '03040550',
  format: 'MQSTR',
  replyToQueue: 'ANSWERS',
  backoutCount: 2
}
const properties = new Map<string, PropertyValue>([
  ['color', 'red'],
  ['weight', 2500],
  ['price', '12.5'],
  ['big', 9_007_199_254_740_993n],
  ['ok', true],
  ['nothing', null],
  ['content-type', 'text/plain'],
  ['usr.size', 'XL'],
  ['phone', '12993'],
  ['under', 'a_b%c'],
  ['smile', 'x😀y'],
  ['mcd.Type', 'order'],
  ['token', Buffer.from('cafe', 'hex')]
])

function selected(text: string, of: Descriptor = descriptor): boolean | string {
  const parsed = parseSelector(text)
  if (!parsed.ok) return `${parsed.column}: ${parsed.why}`
  return matches(parsed.selector, of, properties)
}

function table(test: Pick<typeof t, 'equal'>, cases: Readonly<Record<string, boolean | string>>): void {
  for (const [text, expected] of Object.entries(cases)) test.equal(selected(text), expected, text)
}

t.test('selector: comparisons of numbers, strings and booleans -> as SQL-92 has them', async test => {
  table(test, {
    '': true,
    '   ': true,
    "color = 'red'": true,
    "color <> 'red'": false,
    'weight > 2499.5': true,
    'weight = 0x9C4': true,
    'weight >= 2.5E3 and weight <= 2500L': true,
    'ok': true,
    'ok = FALSE': false,
    'NOT ok': false,
    'weight * 2 - 1 = 4999': true,
    'weight / 1000 = 2.5': true,
    '-weight = -2500': true,
    '2 + 3 * 4 = 14 AND (2 + 3) * 4 = 20': true,
    'big = 9007199254740993': false,
    'big > 9007199254740992': true,
    "token = 'cafe'": true,
    "size = 'XL' AND usr.color = 'red'": true,
    '"content-type" = \'text/plain\'': true,
    "color = 'it''s'": false,
    "TRUE OR color = 'x'": true
  })
})

t.test('selector: unlike types -> false, never an error at run time', async test => {
  table(test, {
    'color = 5': false,
    'color <> 5': false,
    'NOT (color = 5)': true,
    'color > 5': false,
    'price > 5': false,
    'ok = 1': false,
    'color * 2 = 4': false,
    'weight / 0 = 1': false,
    'NOT (weight / 0 = 1)': false,
    color: false
  })
})

t.test('selector: convert_string_expressions: -> strings that look like numbers compare as numbers', async test => {
  table(test, {
    'convert_string_expressions:price > 12': true,
    'convert_string_expressions:price + 1 = 13.5': true,
    'convert_string_expressions:price BETWEEN 12 AND 13': true,
    'convert_string_expressions:price IN (1, 12.5)': true,
    "convert_string_expressions:price = '12.5'": true,
    'convert_string_expressions:color > 12': false,
    'convert_string_expressions:color > ': '36: the selector ends too early'
  })
})

t.test('selector: NULL -> unknown, through AND, OR and NOT by three-valued logic', async test => {
  const truths = { TRUE: 'ok', FALSE: 'NOT ok', NULL: 'missing = 1' }
  type Name = keyof typeof truths
  const expectations: Readonly<Record<'AND' | 'OR', Readonly<Record<string, Name>>>> = {
    AND: { TT: 'TRUE', TF: 'FALSE', TN: 'NULL', FT: 'FALSE', FF: 'FALSE', FN: 'FALSE', NT: 'NULL', NF: 'FALSE', NN: 'NULL' },
    OR: { TT: 'TRUE', TF: 'TRUE', TN: 'TRUE', FT: 'TRUE', FF: 'FALSE', FN: 'NULL', NT: 'TRUE', NF: 'NULL', NN: 'NULL' }
  }
  for (const operator of ['AND', 'OR'] as const) {
    for (const left of Object.keys(truths) as Name[]) {
      for (const right of Object.keys(truths) as Name[]) {
        const expected = expectations[operator][left.charAt(0) + right.charAt(0)]
        const text = `((${truths[left]}) ${operator} (${truths[right]}))`
        test.equal(selected(text), expected === 'TRUE', text)
        test.equal(selected(`NOT ${text}`), expected === 'FALSE', `NOT ${text}`)
      }
    }
  }
  table(test, {
    'missing IS NULL': true,
    'nothing IS NULL': true,
    'color IS NOT NULL': true,
    'color IS NULL': false,
    'missing BETWEEN 1 AND 2': false,
    'missing NOT BETWEEN 1 AND 2': false,
    'weight BETWEEN missing AND 2': false,
    'weight NOT BETWEEN missing AND 2': true,
    "missing LIKE '%'": false,
    "missing NOT LIKE '%'": false,
    "missing IN ('a')": false,
    "missing NOT IN ('a')": false
  })
})

t.test('selector: BETWEEN, IN, LIKE with ESCAPE -> members only', async test => {
  table(test, {
    'weight BETWEEN 2500 AND 2500': true,
    'weight NOT BETWEEN 1 AND 10': true,
    "color IN ('blue', 'red')": true,
    "color NOT IN ('blue', 'red')": false,
    'weight IN (-1, 2500)': true,
    'big IN (5)': false,
    "phone LIKE '12%3'": true,
    "phone LIKE '12%4'": false,
    "phone LIKE '12__3'": true,
    "phone LIKE '12_3'": false,
    "phone NOT LIKE '12%3'": false,
    "under LIKE 'a\\_b\\%c' ESCAPE '\\'": true,
    "phone LIKE '1\\_%' ESCAPE '\\'": false,
    "under LIKE '%b%'": true,
    "under LIKE '%%%'": true,
    "smile LIKE 'x_y'": true,
    "weight LIKE '2%'": false,
    "weight NOT LIKE '2%'": true,
    "under LIKE ''": false
  })
})

t.test('selector: header fields -> JMS names and those of the message descriptor', async test => {
  table(test, {
    'JMSPriority = 7': true,
    "JMSDeliveryMode = 'PERSISTENT'": true,
    "JMSMessageID = 'ID:414d5120514d312020202020202020200000000100000007'": true,
    'JMSCorrelationID IS NULL': true,
    "JMSType = 'order'": true,
    'JMSTimestamp = 1767323045500': true,
    'JMSXDeliveryCount = 3': true,
    "MQMD.Format = 'MQSTR' AND Root.MQMD.ReplyToQ LIKE 'ANS%'": true,
    "MQMD.MsgId LIKE '414d51%'": true,
    'MQMD.BackoutCount = 2': true,
    'MQMD.Nonsense = 1': '1: MQMD.Nonsense is no field of the message descriptor',
    'toString IS NULL AND constructor IS NULL': true
  })
})

t.test('selector: correlation id -> its text when it was put with one, else the bytes', async test => {
  const parsed = parseSelector("JMSCorrelationID = 'abc'")
  if (!parsed.ok) throw new Error(parsed.why)
  test.equal(matches(parsed.selector, defaultDescriptor, new Map([['jms.Cid', 'abc']])), true)
  const bytes = { ...defaultDescriptor, correlationId: Buffer.from('ab'.repeat(24), 'hex') }
  test.equal(selected(`JMSCorrelationID = 'ID:${'ab'.repeat(24)}'`, bytes), true)
})

t.test('selector: header fields alone -> properties are not needed, and that is said', async test => {
  const needs = (text: string): boolean | string => {
    const parsed = parseSelector(text)
    return parsed.ok ? parsed.selector.needsProperties : parsed.why
  }
  test.equal(needs("JMSPriority > 4 AND MQMD.Format = 'MQSTR'"), false)
  test.equal(needs("JMSPriority > 4 AND color = 'red'"), true)
  const parsed = parseSelector('JMSPriority = 7')
  test.ok(parsed.ok && matches(parsed.selector, descriptor, noProperties))
})

t.test('selector: what cannot be meant -> refused with 2459, a sentence and a column', async test => {
  test.match(parseSelector('a = '), { ok: false, reason: 2459, column: 5, why: 'the selector ends too early' })
  table(test, {
    '5': '1: a number is no condition',
    "'a'": '1: a string is no condition',
    "color > 'a'": '9: > needs numbers',
    "'a' + 1 = 2": '1: + needs numbers',
    "weight = 1 AND 'x'": '16: a string is no condition',
    "1 = 'a'": '5: a number is never comparable with a string',
    'NOT 5': '5: a number is no condition',
    '(color = 1': '11: ) is missing',
    "color = 'a": '9: a quote is not closed',
    'color LIKE 5': '12: a pattern in single quotes must follow LIKE',
    "color LIKE 'a' ESCAPE 'xy'": '23: ESCAPE takes one character',
    "color LIKE 'abc\\' ESCAPE '\\'": '12: the escape character must stand before %, _ or itself',
    "5 LIKE 'a'": '1: LIKE needs an identifier on its left',
    'color IN ()': '11: IN takes strings and numbers',
    "color IN ('a'": "14: ) or a comma must follow",
    'color IN 5': '10: ( must follow IN',
    'a = b c': '7: c is not expected here',
    'a ; b': '3: character ";" has no meaning here',
    'weight NOT = 5': '12: BETWEEN, LIKE or IN must follow NOT here',
    'weight BETWEEN 1': '17: AND must follow the lower bound of BETWEEN',
    'a IS 5': '6: NULL must follow IS',
    '12abc = 5': '1: not a number',
    '1e999 = a': '1: the number 1e999 is too large',
    'AND': '1: AND is not expected here',
    "(a = 1) = (b = 2)": '1: a condition cannot be compared'
  })
})

t.test('selector: very long, very deep -> refused; long chains -> taken', async test => {
  test.match(parseSelector(' '.repeat(selectorLengthMax + 1)), { ok: false, reason: 2459 })
  for (const deep of [`${'('.repeat(5_000)}a`, `${'NOT '.repeat(2_000)}a`, `a = ${'- '.repeat(3_000)}1`, `a = 1${' + 1'.repeat(2_000)}`]) {
    test.match(parseSelector(deep), { ok: false, why: /nested deeper/ })
  }
  test.equal(selected(`${'a = 1 OR '.repeat(1_000)}ok`), true)
  test.equal(selected(`${'ok AND '.repeat(1_000)}ok`), true)
})

t.test('selector: LIKE with many wildcards against a long text -> ends', async test => {
  const parsed = parseSelector(`a LIKE '${'%x'.repeat(2_000)}y'`)
  if (!parsed.ok) throw new Error(parsed.why)
  test.equal(matches(parsed.selector, descriptor, new Map([['a', 'x'.repeat(20_000)]])), false)
})

t.test('selector: any text -> an answer, never an exception, and the same one twice', async test => {
  const prng = new Prng(20260101)
  const pieces = ['a', 'color', 'weight', 'JMSPriority', 'AND', 'or', 'NOT', 'BETWEEN', 'LIKE', 'IN', 'IS', 'NULL', 'ESCAPE', 'TRUE', '(', ')', ',', '=', '<>', '<', '>=', '+', '-', '*', '/', "'x%'", "'\\'", '5', '.5', '7e2', '0x1F', '"q"', '"', "'", ';', '\u0000', '😀', 'convert_string_expressions:']
  let accepted = 0
  for (let round = 0; round < 30_000; round++) {
    let text = ''
    const count = prng.between(0, 12)
    for (let index = 0; index < count; index++) text += prng.pick(pieces) + (prng.chance(3, 4) ? ' ' : '')
    const first = selected(text)
    if (typeof first === 'boolean') accepted += 1
    if (first !== selected(text)) test.fail(`two answers for ${text}`)
  }
  test.ok(accepted > 500, `${accepted} of them were selectors`)
})
