/** Topic objects and topic strings. */
import type { CoreState } from './core-state.js'
import type { Result } from './engine.js'
import type { PutDefaults } from './outgoing.js'
import { reasons } from './reason.js'
import { refused } from './results.js'

export interface TopicPath {
  readonly topic: string
  readonly defaults: PutDefaults
}

export function topicOf(state: CoreState, object: string, topic: string, purpose: 'publish' | 'subscribe'): Result<TopicPath> {
  void [state, object, topic, purpose]
  return refused(reasons.functionNotSupported)
}
