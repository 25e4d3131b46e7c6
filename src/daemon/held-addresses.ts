/**
 * The addresses that the sentry is told to take off when this daemon hangs: of every group held, where they are, or were last
 * when one has vanished and is just being put back. Its return is seen by a daemon that may hang before it has said so.
 */

import type { LocatedAddress } from '../port/network-watch.js'

export class HeldAddresses {
  /** By group and resource. */
  readonly #last = new Map<string, readonly LocatedAddress[]>()

  /**
   * @param located  where the resource's addresses are now; empty or null when nowhere, or when nobody can tell
   * @returns as `ip address del` names them, `10.0.0.5/24@eth0`
   */
  of(group: number, resource: number, isHeld: boolean, located: readonly LocatedAddress[] | null): readonly string[] {
    const key = `${group}/${resource}`
    if (!isHeld) {
      this.#last.delete(key)
      return []
    }
    if (located !== null && located.length > 0) this.#last.set(key, located)
    return (this.#last.get(key) ?? []).map(one => `${one.address}/${one.prefix}@${one.nic}`)
  }
}
