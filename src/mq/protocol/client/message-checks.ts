/** What a descriptor from outside must keep to before the engine sees it; the engine checks what the numbers mean. */

import type { Descriptor } from '../../core/message.js'

const lengths = [
  ['format', 8],
  ['replyToQueue', 48],
  ['replyToQueueManager', 48],
  ['userIdentifier', 64],
  ['applicationIdentityData', 32],
  ['putApplicationName', 28],
  ['putDate', 8],
  ['putTime', 8],
  ['applicationOriginData', 4]
] as const

/** The first field that is too long, in words, or null. Answered with 2026. */
export function descriptorFault(descriptor: Descriptor): string | null {
  for (const [field, length] of lengths) {
    if (descriptor[field].length > length) return `${field} is longer than ${length} characters`
  }
  return null
}
