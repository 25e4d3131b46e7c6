/**
 * Whether the interfaces on which a group's addresses live (or would live) can serve. Pure.
 *
 * An interface without carrier cannot serve, wherever the group is. One that is switched off or absent is judged only
 * when we know that it does not come and go with the group: some groups make their VLAN themselves, some let IPaddr2
 * switch on an interface of their own, and such a node must not be called unfit for want of what it has yet to make.
 */

import type { HostNetwork } from './host-network.js'

export interface ServiceInterface {
  readonly name: string
  /** It was there and switched on before the group was, or an address of the group lives on it now. */
  readonly isStanding: boolean
}

/** One sentence, or null when all is well. */
export function carrierTrouble(interfaces: readonly ServiceInterface[], network: HostNetwork): string | null {
  const troubles: string[] = []
  for (const { name, isStanding } of interfaces) {
    const link = network.linkNamed(name)
    if (link === null || !link.isUp) {
      if (isStanding) troubles.push(link === null ? `${name} is gone` : `${name} is switched off`)
    } else if (!link.hasCarrier) troubles.push(`${name} has no carrier`)
  }
  return troubles.length === 0 ? null : [...new Set(troubles)].join('; ')
}
