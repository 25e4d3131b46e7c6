import t from 'tap'
import { errorCodes, HaError, type ErrorCode } from '../../src/base/errors.js'
import { invariant, InvariantError, unreachable } from '../../src/base/invariant.js'

t.test('error: nothing more precise is known -> the text of its code', async t => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const error = new HaError(code)
    t.match(error, { name: 'HaError', code, message: errorCodes[code] })
    t.strictSame(error.details, {})
    t.notOk('cause' in error, 'no cause is invented')
  }
})

t.test('error: with text, details and cause -> carries them', async t => {
  const cause = new Error('EACCES')
  const error = new HaError('HA_STATE_UNUSABLE', '/var/lib/heartbeat cannot be written', { details: { errno: 13 }, cause })
  t.ok(error instanceof Error)
  t.match(error, { code: 'HA_STATE_UNUSABLE', message: '/var/lib/heartbeat cannot be written', details: { errno: 13 } })
  t.equal(error.cause, cause)
})

t.test('codes: every code -> HA_ and capitals, and one sentence part without a full stop', async t => {
  for (const [code, text] of Object.entries(errorCodes)) {
    t.match(code, /^HA_[A-Z_]+$/)
    t.match(text, /^[a-z].*[^.]$/, code)
  }
})

t.test('invariant: holds -> nothing; broken -> an error that says which', async t => {
  t.doesNotThrow(() => invariant(true, 'never shrinks'))
  t.throws(() => invariant(false, 'never shrinks'), new InvariantError('invariant broken: never shrinks'))
})

t.test('unreachable: reached all the same -> an error that shows the value', async t => {
  t.throws(() => unreachable({ kind: 'new' } as never), new InvariantError('invariant broken: unhandled case {"kind":"new"}'))
})
