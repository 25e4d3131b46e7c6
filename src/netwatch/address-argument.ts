/**
 * Reads the argument of an address resource as far as the watch needs it: which address, on which interface if one is
 * named. The rules are the script's (resource.d/.ip.sh, split and check_nic); what it would refuse is not watched.
 */

import type { ResourceSpec } from '../config/types.js'
import { canonicalAddress } from './host-network.js'

export interface AddressArgument {
  readonly address: string
  readonly family: 4 | 6
  /** The interface that haresources names, or null: then the script finds it by the connected route. */
  readonly nic: string | null
}

const addressTypes: ReadonlySet<string> = new Set(['IPaddr', 'IPaddr2', 'IPv6addr'])

/** `ip[/mask[/nic[:label]][/broadcast]]`; null for any other resource. */
export function addressArgument(resource: Pick<ResourceSpec, 'type' | 'args'>): AddressArgument | null {
  const [spec] = resource.args
  if (!addressTypes.has(resource.type) || spec === undefined) return null
  const [text = '', , third = ''] = spec.split('/')
  const address = canonicalAddress(text)
  if (address === null) return null
  // A third part that begins with a digit and has dots is the broadcast address.
  const nic = /^[0-9].*\..*\..*\./.test(third) ? '' : (third.split(':')[0] ?? '')
  return { address, family: address.includes(':') ? 6 : 4, nic: nic === '' ? null : nic }
}
