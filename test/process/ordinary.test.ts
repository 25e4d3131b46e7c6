/** With a daemon of real-time priority and everything it begins: test/system/resources.test.ts. */

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { atOrdinaryPriority, ownPriority } from '../../src/process/ordinary.js'

t.test('priority: read from the fields behind the name, whatever the name holds', async test => {
  const stat = (priority: number, policy: number): string => `77 (a b) c) S ${Array.from({ length: 36 }, () => '0').join(' ')} ${priority} ${policy} 0 0`
  test.equal(ownPriority(stat(5, 2)), 5)
  test.equal(ownPriority(stat(7, 1)), 7)
  test.equal(ownPriority(stat(0, 0)), null)
})

t.test('ordinary: begun by an ordinary process -> the command itself', async test => {
  test.strictSame(atOrdinaryPriority('sleep', ['1'], '/bin', null), { file: 'sleep', args: ['1'] })
})

t.test('ordinary: begun at real-time priority -> through chrt, by the name that it was asked for', async test => {
  const folder = test.testdir({ chrt: '', 'a script': '' })
  for (const name of ['chrt', 'a script']) fs.chmodSync(path.join(folder, name), 0o755)
  const script = path.join(folder, 'a script')
  test.strictSame(atOrdinaryPriority(script, ['eth0', 'start'], folder, 1), { file: path.join(folder, 'chrt'), args: ['--other', '0', script, 'eth0', 'start'] })
  test.strictSame(atOrdinaryPriority('a script', [], folder, 1).args, ['--other', '0', 'a script'])
})

t.test('ordinary: a program that is not there, or is none -> as it is, so that its own beginning says why', async test => {
  const folder = test.testdir({ chrt: '', data: '', folder: {} })
  fs.chmodSync(path.join(folder, 'chrt'), 0o755)
  for (const name of ['absent', 'data', 'folder']) {
    test.strictSame(atOrdinaryPriority(name, ['x'], folder, 1), { file: name, args: ['x'] }, name)
    test.strictSame(atOrdinaryPriority(path.join(folder, name), ['x'], folder, 1), { file: path.join(folder, name), args: ['x'] }, name)
  }
})
