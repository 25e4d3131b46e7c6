/**
 * The addresses that the sentry is told to take off when this daemon hangs: of every group held, where they are, or were last
 * when one has vanished and is just being put back. Its return is seen by a daemon that may hang before it has said so.
 */

import type { LocatedAddress } from '../port/network-watch.js'

export class HeldAddresses {
  /** By group and resource. */
  readonly #last = new Map<number, Map<number, readonly LocatedAddress[]>>()

  /**
   * Of a resource whose group is held.
   *
   * @param located  where its addresses are now; empty or null when nowhere, or when nobody can tell
   * @returns as `ip address del` names them, `10.0.0.5/24@eth0`
   */
  of(group: number, resource: number, located: readonly LocatedAddress[] | null): readonly string[] {
    const last = this.#last.get(group)?.get(resource) ?? []
    const known = located === null || located.length === 0 ? last : located
    if (known !== last) this.#last.set(group, (this.#last.get(group) ?? new Map<number, readonly LocatedAddress[]>()).set(resource, known))
    return known.map(one => `${one.address}/${one.prefix}@${one.nic}`)
  }

  /** The group is not held any more. */
  forget(group: number): void {
    this.#last.delete(group)
  }
}
