/**
 * The addresses that the sentry is told to take off when this daemon hangs or dies: of every group that may have one up, also
 * while it is only being looked at or is being stopped. Where they are, or were last when one has vanished and is just being put back:
 * its return is seen by a daemon that may hang before it has said so.
 */

import { addressed } from '../cluster/safety.js'
import type { ClusterSettings, ClusterState } from '../cluster/types.js'
import type { LocatedAddress } from '../port/network-watch.js'

export class HeldAddresses {
  /** By group and resource. */
  readonly #last = new Map<number, Map<number, readonly LocatedAddress[]>>()

  /** Of all groups. `locate` is asked with a group and a resource. */
  list(state: ClusterState, { groups }: ClusterSettings, locate: (group: number, resource: number) => readonly LocatedAddress[] | null): readonly string[] {
    const exposed = addressed(state)
    return groups.flatMap(({ resources }, group) => {
      if (exposed.includes(group)) return resources.flatMap((_, resource) => this.of(group, resource, locate(group, resource)))
      this.forget(group)
      return []
    })
  }

  /**
   * Of a resource whose group may have its address up.
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

  /** The group surely has none up. */
  forget(group: number): void {
    this.#last.delete(group)
  }
}
