import t from 'tap'
import { account, parseLedger } from './ledgers.js'

t.test('ledgers: what was promised and is nowhere -> lost; twice -> doubled; promised by nobody -> invented', async test => {
  const putter = parseLedger('done a b c d\nopen e f\n')
  const getter = parseLedger('done a b\nopen c\n')
  test.match(account([putter], [getter], ['d']), { put: 4, got: 2, left: 1, lost: [], doubled: [], invented: [] })
  test.strictSame(account([putter], [getter], []).lost, ['d'])
  test.strictSame(account([putter], [getter], ['a', 'd']).doubled, ['a'])
  test.strictSame(account([putter], [getter], ['d', 'e', 'x']).invented, ['x'], 'a put nobody knows of may be there')
})
