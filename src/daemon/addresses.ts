/**
 * Takes the addresses of resource groups off this host at once, without waiting for anything: the first thing a node does
 * that stood still for longer than its peer waits, or that has lost a right to hold them. The only place in the daemon
 * where a child is run synchronously, since here the event loop must not turn before the addresses are gone.
 *
 * Where the network watch knows an address to be, one `ip` removes all of them: measured 1.7 ms for one and 1.9 ms for five
 * addresses, where a script for each took 12.6 and 41 ms. What is not known, or has moved meanwhile, is left to the script,
 * which looks. Connections are not reset and announcers not ended here: the orderly stop, which follows, does that.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ResourceGroup, ResourceSpec } from '../config/types.js'
import type { LocatedAddress } from '../port/network-watch.js'

/** Removing an address takes a few milliseconds; a host that needs longer is not helped by waiting. */
const removalMsMax = 1_000

const addressTypes = new Set(['IPaddr', 'IPaddr2', 'IPv6addr'])

export interface RemovalContext {
  readonly projectResourceDir: string
  readonly environment: Readonly<Record<string, string>>
}

/** An address resource; `known` is where it is now, null when nobody can tell. */
export interface AddressToDrop {
  readonly resource: ResourceSpec
  readonly known: readonly LocatedAddress[] | null
}

/** The address resources of a group. `locate` is asked with a resource's index. */
export function addressesOf(group: ResourceGroup, locate: (index: number) => readonly LocatedAddress[] | null): readonly AddressToDrop[] {
  return group.resources.flatMap((resource, index) => (addressTypes.has(resource.type) ? [{ resource, known: locate(index) }] : []))
}

/** Removes all of them; one sentence for each that could not be removed. */
export function dropAddresses(addresses: readonly AddressToDrop[], context: RemovalContext): readonly string[] {
  const known = addresses.flatMap(one => one.known ?? [])
  // One removal that failed says only that something was not as we thought: then the scripts look at everything.
  const isDone = known.length === 0 || removeAtOnce(known, context)
  const left = addresses.filter(one => one.known === null || !isDone)
  return left.flatMap(({ resource }) => stopByScript(resource, context) ?? [])
}

function removeAtOnce(known: readonly LocatedAddress[], { environment }: RemovalContext): boolean {
  const input = known.map(one => `address del ${one.address}/${one.prefix} dev ${one.nic}\n`).join('')
  const promoted = allowPromotion(known)
  const ended = spawnSync('ip', ['-force', '-batch', '-'], { env: { ...environment }, timeout: removalMsMax, killSignal: 'SIGKILL', input, stdio: ['pipe', 'ignore', 'ignore'] })
  for (const file of promoted) writeSwitch(file, '0')
  return ended.status === 0
}

/** Removing the first address of a subnet takes all later ones with it, unless the kernel is told to promote them. */
function allowPromotion(known: readonly LocatedAddress[]): readonly string[] {
  const nics = new Set(known.filter(one => one.family === 4 && one.isPrimary).map(one => one.nic))
  if (nics.size === 0 || readSwitch(switchOf('all')) === '1') return []
  return [...nics].map(switchOf).filter(file => readSwitch(file) === '0' && writeSwitch(file, '1'))
}

const switchOf = (nic: string): string => `/proc/sys/net/ipv4/conf/${nic}/promote_secondaries`

function readSwitch(file: string): string | null {
  try {
    return readFileSync(file, 'latin1').trim()
  } catch {
    return null // no such interface any more: nothing to promote there
  }
}

function writeSwitch(file: string, value: string): boolean {
  try {
    writeFileSync(file, value)
    return true
  } catch {
    return false // a read-only /proc: neighbours of the address may vanish with it, and the guard puts ours back
  }
}

function stopByScript(resource: ResourceSpec, { projectResourceDir, environment }: RemovalContext): string | null {
  const script = join(projectResourceDir, 'IPaddr2')
  const ended = spawnSync(script, [...resource.args, 'stop'], {
    env: { ...environment, HA_OP_TIMEOUT_MS: String(removalMsMax) },
    timeout: removalMsMax,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'ignore', 'ignore']
  })
  return ended.status === 0 ? null : `${script} ${resource.args.join(' ')} stop ended with ${ended.error?.message ?? ended.status ?? ended.signal ?? 'no status'}`
}
