/**
 * One address of a resource group as the watch sees it: whether it should be here, where it was last, and what of it is
 * wrong. Plain state with the few rules that belong to it alone; watch.ts drives it.
 *
 *     unknown ──(found running)──► up ──(stop begins)──► busy ──(stop succeeded)──► down
 *        └──(found stopped)──► down ──(start begins)──► busy ──(start succeeded)──► up
 */

import { elapsed, type Instant } from '../base/units.js'
import type { NoteLevel } from '../base/note.js'
import type { AddressArgument } from './address-argument.js'
import type { HostAddress } from './host-network.js'

export type Mode = 'unknown' | 'busy' | 'up' | 'down'

/** Where and how an address was seen last: what it takes to put it back. */
export interface Place {
  readonly nic: string
  readonly seen: HostAddress
}

const minuteMs = 60_000
/** More removals than this within a minute are told together. */
const toldPerMinute = 5

export class GuardedAddress {
  readonly id: number
  readonly group: number
  readonly index: number
  readonly argument: AddressArgument
  mode: Mode = 'unknown'
  /** Absence, or an unexpected presence, is believed from this look on. */
  believedFrom = 0
  /** After a repair absence is believed from this look on, or when it was seen before it vanished again (then 0). */
  confirmedFrom = 0
  place: Place | null = null
  /** The interface it would come up on, as the script says; null until asked. */
  routedNic: string | null = null
  /** null until it can be said: the interface was there before us. */
  isNicStanding: boolean | null = null
  /** Its turns to be announced have begun. */
  isAnnounced = false
  missingSince: Instant | null = null
  /** Not tried again before, after a repair that failed. */
  retryAt: Instant | null = null
  failures = 0
  /** Why the last repair failed, until a look has shown whether it did. */
  failure: string | null = null
  /** What of it is wrong now, for `heartbeat status`. */
  repairTrouble: string | null = null
  strangeNic: string | null = null
  culprits: readonly string[] = []
  culpritText = ''
  /** How often it was put back. */
  count = 0
  #removals: Instant[] = []
  #untold = 0
  #toldAt: Instant | null = null

  constructor(id: number, group: number, index: number, argument: AddressArgument) {
    this.id = id
    this.group = group
    this.index = index
    this.argument = argument
  }

  get nic(): string | null {
    return this.place?.nic ?? this.argument.nic ?? this.routedNic
  }

  /** It is guarded no more: everything that was wrong with it is somebody else's affair now. */
  becomeBusy(): void {
    this.mode = 'busy'
    this.isAnnounced = false
    this.confirmedFrom = 0
    this.#becomeWell()
    this.strangeNic = null
    this.culprits = []
    this.culpritText = ''
  }

  /** It has been put back: what to log, if anything. A rival that never tires must not fill the log. */
  putBack(nic: string, now: Instant): { readonly level: NoteLevel & ('warn' | 'info'); readonly text: string } | null {
    const tookMs = this.missingSince === null ? 0 : Math.round(elapsed(this.missingSince, now))
    this.#becomeWell()
    this.count += 1
    this.#removals = [...this.#removals.filter(at => elapsed(at, now) < minuteMs), now].slice(-toldPerMinute - 1)
    const { address } = this.argument
    if (this.#removals.length <= toldPerMinute) {
      return { level: 'warn', text: `${address} vanished from ${nic}, removed by somebody else or with its interface: put back after ${tookMs} ms, and announced` }
    }
    this.#untold += 1
    if (this.#toldAt !== null && elapsed(this.#toldAt, now) < minuteMs) return null
    this.#toldAt = now
    const untold = this.#untold
    this.#untold = 0
    return { level: 'warn', text: `Something keeps removing ${address} from ${nic}, a network manager perhaps: put back again (${untold} more since this was last said); from now on it is said once a minute` }
  }

  #becomeWell(): void {
    this.missingSince = null
    this.retryAt = null
    this.failures = 0
    this.failure = null
    this.repairTrouble = null
  }

  /** What is wrong now, one sentence each. */
  troubles(now: Instant): readonly string[] {
    const { address } = this.argument
    const removals = this.#removals.filter(at => elapsed(at, now) < minuteMs).length
    return [
      ...(this.repairTrouble === null ? [] : [this.repairTrouble]),
      ...(this.mode === 'up' && removals > toldPerMinute ? [`something keeps removing ${address} from ${this.nic ?? 'this host'}; it is put back each time`] : []),
      ...(this.strangeNic === null ? [] : [strangeSentence(address, this.strangeNic)]),
      ...(this.culprits.length === 0 ? [] : [this.culpritText])
    ]
  }
}

export const strangeSentence = (address: string, nic: string): string =>
  `${address} is on ${nic} although its group does not run here: not put there by this daemon; remove it with ip address del, or clients may reach the wrong node`
