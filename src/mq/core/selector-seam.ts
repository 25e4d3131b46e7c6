/** The one place where the engine meets selectors. */

import type { Descriptor, Properties } from './message.js'
import type { Result } from './engine.js'
import { reasons } from './reason.js'

export interface Selector {
  readonly text: string
}

export function parseSelector(text: string): Result<Selector> {
  void text
  return { ok: false, reason: reasons.functionNotSupported }
}

export function matches(selector: Selector, descriptor: Descriptor, properties: Properties): boolean {
  void selector
  void descriptor
  void properties
  return false
}
