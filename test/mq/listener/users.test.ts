import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { Authenticator, parseUsers, passwordLine, tokenLine } from '../../../src/mq/listener/users.js'

t.test('users: a file with a password and a token -> both are known, faulty lines are named and left out', async test => {
  const token = tokenLine('billing')
  const text = [`# who may come`, await passwordLine('alice', 'secret'), '', token.line, 'bob:scrypt:1:2', 'eve', ':token:00', 'x:scrypt:99999999999:8:1:AA==:AA=='].join('\n')
  const { users, faults } = parseUsers(text)
  test.strictSame([...users.passwords.keys()], ['alice'])
  test.strictSame(users.tokens.map(entry => entry.user), ['billing'])
  test.strictSame(faults.map(fault => fault.split(':')[0]), ['5', '6', '7', '8'])
  test.notMatch(text, /secret/)
  test.notOk(text.includes(token.token))
})

t.test('authenticator: passwords and tokens -> right ones pass, all others do not, a changed file counts at once', async test => {
  const file = path.join(test.testdir({}), 'users')
  const faults: string[] = []
  const authenticator = new Authenticator(file, text => faults.push(text))
  test.equal(await authenticator.isPassword('alice', 'secret'), false, 'no file lets nobody in')
  const token = tokenLine('billing')
  fs.writeFileSync(file, `${await passwordLine('alice', 'secret')}\n${token.line}\n`)
  test.equal(await authenticator.isPassword('alice', 'secret'), true)
  test.equal(await authenticator.isPassword('alice', 'Secret'), false)
  test.equal(await authenticator.isPassword('alice', ''), false)
  test.equal(await authenticator.isPassword('bob', 'secret'), false)
  test.equal(await authenticator.isPassword('alice', 'x'.repeat(10_000)), false)
  test.equal(authenticator.userOfToken(token.token), 'billing')
  test.equal(authenticator.userOfToken(`${token.token}x`), null)
  test.equal(authenticator.userOfToken(''), null)
  fs.writeFileSync(file, 'nobody\n')
  test.equal(await authenticator.isPassword('alice', 'secret'), false)
  test.strictSame(faults.length, 1)
})

t.test('authenticator: a flood of passwords -> so many are checked or wait, the rest are refused unhashed', async test => {
  const file = path.join(test.testdir({}), 'users')
  // The cheapest hash there is: this is about the line, not about the hash.
  const salt = Buffer.from('salt')
  const hash = crypto.scryptSync('secret', salt, 32, { N: 2, r: 1, p: 1 })
  fs.writeFileSync(file, `alice:scrypt:2:1:1:${salt.toString('base64')}:${hash.toString('base64')}\n`)
  const authenticator = new Authenticator(file, () => undefined)
  const answers = await Promise.all(Array.from({ length: 80 }, () => authenticator.isPassword('alice', 'secret')))
  test.equal(answers.filter(Boolean).length, 66, 'two at work and 64 in line')
})
