/** What the core would be told if a daemon were started from these files now; for questions without a daemon. */

import { locateScript, scriptSearchPath } from '../agent/locate.js'
import type { ClusterSettings } from '../cluster/types.js'
import type { Configuration } from '../config/types.js'
import { clusterSettings } from './cluster-settings.js'
import { safetySettings } from './create-safeguards.js'

export function offlineSettings(configuration: Configuration, options: { readonly nodeName: string; readonly haDir: string }): ClusterSettings {
  const { cf } = configuration
  const searchPath = scriptSearchPath({ haDir: options.haDir })
  const links = cf.media.map(spec => ({ name: spec.name, description: spec.kind === 'ucast' ? `ucast ${spec.name} ${spec.address}` : `${spec.kind} ${spec.name}` }))
  const disk = cf.lease === null ? [] : [{ name: 'disk', description: `lease ${cf.lease.path}`, patienceMs: cf.lease.leaseMs }]
  return clusterSettings({
    configuration,
    nodeName: options.nodeName,
    generation: 1,
    rememberedPeerGeneration: null,
    rememberedPeerSequence: 0,
    heldEpochs: new Map(),
    links: [...links, ...disk],
    safety: safetySettings(cf),
    agreement: null,
    pathOf: resource => locateScript(resource.type, searchPath)?.path ?? null,
    isOwnScript: () => false
  })
}
