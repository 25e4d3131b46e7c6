/** The part of `heartbeat check` that asks others: the arbiter and the ping nodes that ha.cf names. */

import { checkArbiter } from '../arbiter/check.js'
import { floatingAddress } from '../config/resource-words.js'
import type { Configuration, Diagnostic } from '../config/types.js'
import { checkConnectivity } from '../connectivity/check.js'
import { systemClock } from '../daemon/system-clock.js'
import type { HostFacts } from './host-facts.js'

export async function checkOutside({ cf, groups }: Configuration, facts: HostFacts): Promise<readonly Diagnostic[]> {
  const floating = groups.flatMap(group => group.resources.flatMap(resource => floatingAddress(resource)?.text ?? []))
  const own = facts.subnets.flatMap(subnet => subnet.own ?? [])
  const found = await Promise.all([
    cf.arbiter === null ? [] : checkArbiter(cf.arbiter, systemClock),
    cf.connectivity === null ? [] : checkConnectivity(cf.connectivity, { clock: systemClock, own, floating })
  ])
  return found.flat()
}
