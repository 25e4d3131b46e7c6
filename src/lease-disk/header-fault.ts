/** Whether a header is that of this cluster's lease area; if not, the sentence for an operator. */

import type { ReadHeader } from '../lease/records.js'
import { refusalWords } from '../lease/sealed.js'

/** null when the area may be used. @param nodes  as in ha.cf */
export function headerFault(read: ReadHeader, nodes: readonly string[]): string | null {
  if (!read.ok) {
    if (read.reason === 'empty' || read.reason === 'no-record') return 'there is no lease area; make it once, on one node, with: heartbeat lease create'
    if (read.reason === 'unknown-key' || read.reason === 'bad-signature') {
      return `the header ${refusalWords[read.reason]}: it is another cluster's area, or authkeys lacks the key that was used; if it is ours, make it anew with: heartbeat lease create --force`
    }
    return `the header ${refusalWords[read.reason]}; if nobody else needs it, make it anew with: heartbeat lease create --force`
  }
  const { header } = read
  if (nodes.length === 2 && nodes.every(node => header.nodes.includes(node))) return null
  return `the lease area is that of ${header.nodes.join(' and ')}, not of ${nodes.join(' and ')}`
}
