/**
 * Which address of an interface a medium uses, and what follows from it. Pure; IPv4 only, as ha.cf's media are.
 *
 * The system lists an interface only while it is up and has carrier, so "not listed" is what a pulled cable looks like.
 */

import type { NetworkInterfaceInfo } from 'node:os'

/** The shape of os.networkInterfaces(). */
export type InterfaceTable = NodeJS.Dict<NetworkInterfaceInfo[]>

export interface LocalAddress {
  readonly address: string
  readonly netmask: string
  /** Tells an interface that was taken away and made again from one that stayed. */
  readonly mac: string
}

/** Asks the system for its interfaces; null when it cannot tell now (it needs a file descriptor to find out). */
export function listInterfaces(interfaces: () => InterfaceTable): InterfaceTable | null {
  try {
    return interfaces()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

/**
 * The address to use on an interface: the one in use while it is still there; else one whose subnet holds `near`; else
 * the first. Floating addresses come and go behind the first one, and must not move the heartbeat with them.
 */
export function chooseAddress(table: InterfaceTable, name: string, near: string | null, current: string | null): LocalAddress | null {
  const addresses = (table[name] ?? []).filter(info => info.family === 'IPv4')
  return (
    addresses.find(info => info.address === current) ??
    addresses.find(info => near !== null && isInSubnet(info, near)) ??
    addresses[0] ??
    null
  )
}

/** The subnet's broadcast address, or null when it has none (a /31 or /32). */
export function broadcastOf(local: LocalAddress): string | null {
  const mask = numberOf(local.netmask)
  if (~mask >>> 0 < 3) return null
  return textOf((numberOf(local.address) | ~mask) >>> 0)
}

export function isInSubnet(local: Pick<LocalAddress, 'address' | 'netmask'>, address: string): boolean {
  const mask = numberOf(local.netmask)
  return (numberOf(local.address) & mask) === (numberOf(address) & mask)
}

/** Whether the address is one of this host's own. */
export function isOwnAddress(table: InterfaceTable, address: string): boolean {
  return Object.values(table).some(infos => infos?.some(info => info.address === address) ?? false)
}

const numberOf = (dotted: string): number => dotted.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0)
const textOf = (number: number): string => [24, 16, 8, 0].map(shift => (number >>> shift) & 0xff).join('.')
