/**
 * Takes the addresses of resource groups off this host at once, without waiting for anything: the first thing a node does
 * that stood still for longer than its peer waits. The only place in the daemon where a child is run synchronously, since
 * here the event loop must not turn before the addresses are gone.
 */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { ResourceGroup } from '../config/types.js'

/** Removing an address takes a few milliseconds; a host that needs longer is not helped by waiting. */
const removalMsMax = 1_000

const addressTypes = new Set(['IPaddr', 'IPaddr2', 'IPv6addr'])

export interface RemovalContext {
  readonly projectResourceDir: string
  readonly environment: Readonly<Record<string, string>>
}

/** Removes every address of the group; one sentence for each that could not be removed. */
export function dropAddresses(group: ResourceGroup, context: RemovalContext): readonly string[] {
  const troubles: string[] = []
  for (const resource of group.resources) {
    if (!addressTypes.has(resource.type)) continue
    const script = join(context.projectResourceDir, 'IPaddr2')
    const ended = spawnSync(script, [...resource.args, 'stop'], {
      env: { ...context.environment, HA_OP_TIMEOUT_MS: String(removalMsMax) },
      timeout: removalMsMax,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'ignore', 'ignore']
    })
    if (ended.status !== 0) troubles.push(`${script} ${resource.args.join(' ')} stop ended with ${ended.error?.message ?? ended.status ?? ended.signal ?? 'no status'}`)
  }
  return troubles
}
