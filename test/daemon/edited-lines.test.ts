import t from 'tap'
import { keyId } from '../../src/config/configuration.js'
import type { ResourceGroup } from '../../src/config/types.js'
import { forgottenResources } from '../../src/daemon/edited-lines.js'

const position = { file: 'haresources', line: 1, column: 1 }
const line = (...words: readonly string[]): Pick<ResourceGroup, 'key' | 'resources'> => ({
  key: words[0] ?? '',
  resources: words.map(word => ({ word, type: word, args: [], position }))
})
const held = (...words: readonly string[]) => ({ id: keyId(line(...words)), epoch: 3, words })

t.test('edited lines: as they were, longer, or in another order -> nothing to say', async test => {
  test.strictSame(forgottenResources([held('10.0.0.5', 'disk', 'app')], [line('10.0.0.6'), line('10.0.0.5', 'app', 'disk', 'more')]), [])
  test.strictSame(forgottenResources([], [line('10.0.0.5')]), [])
})

t.test('edited lines: a resource left the line of a group that was held -> named, as it may still run', async test => {
  const [sentence, ...more] = forgottenResources([held('10.0.0.5', 'disk', 'app')], [line('10.0.0.5', 'app')])
  test.match(sentence, /held "10\.0\.0\.5 disk app" .* it does not name disk there any more\. disk may still run here/)
  test.strictSame(more, [])
})

t.test('edited lines: the whole line is gone -> all of it is named', async test => {
  test.match(forgottenResources([held('10.0.0.5', 'app')], [line('10.0.0.6', 'app')]), [/has no such line any more\. 10\.0\.0\.5, app may still run here/])
})

t.test('edited lines: what an older version remembered has no words -> nothing to say', async test => {
  test.strictSame(forgottenResources([{ id: '0123abcd', epoch: 3, words: [] }], []), [])
})
