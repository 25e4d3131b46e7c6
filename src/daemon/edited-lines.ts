/**
 * What the last life of this daemon held and today's haresources does not name: somebody edited the file, and the daemon was
 * not stopped in order, but crashed. Such a resource may still run, nobody looks after it, and nobody would ever say so.
 */

import { keyId } from '../config/configuration.js'
import type { ResourceGroup } from '../config/types.js'
import type { Remembered } from './memory.js'

/** A sentence for each line of then; none when all is as it was. The order of words and the home do not matter. */
export function forgottenResources(held: Remembered['held'], groups: readonly Pick<ResourceGroup, 'key' | 'resources'>[]): readonly string[] {
  return held.flatMap(({ id, words }) => {
    const group = groups.find(one => keyId(one) === id)
    const named = new Set(group?.resources.map(resource => resource.word))
    const forgotten = words.filter(word => !named.has(word))
    if (forgotten.length === 0) return []
    const how = group === undefined ? 'has no such line any more' : `does not name ${forgotten.join(' ')} there any more`
    return [`haresources was edited while this node held "${words.join(' ')}" and then not stopped in order: it ${how}. ${forgotten.join(', ')} may still run here and nobody looks after it: stop it by hand`]
  })
}
