/**
 * Stops every resource group of this node once, without a daemon: the guard runs it when the daemon cannot be kept alive.
 * The peer takes over after its deadtime and must not meet resources that nobody watches.
 *
 * Everything is stopped, whether a daemon had started it or not: stop succeeds on what is stopped already. Ends with
 * status 0 when all is released, 20 when something could not be stopped, 6 when the configuration cannot be read.
 */

import { baseEnvironment } from '../agent/environment.js'
import { projectResourceDir, scriptSearchPath } from '../agent/locate.js'
import { createAgentRunner, type ScriptRunner } from '../agent/runner.js'
import { formatDiagnostic } from '../config/configuration.js'
import type { Configuration } from '../config/types.js'
import { addressesOf, dropAddresses } from './addresses.js'
import { exitStatuses } from './exit-status.js'
import { loadConfiguration, ownNodeName } from './load-configuration.js'
import { createLogger, type RootLogger } from './logger.js'
import { pathsFrom } from './paths.js'
import { writeToStderr } from './shutdown.js'
import { systemClock } from './system-clock.js'

async function release(): Promise<number> {
  const paths = pathsFrom(process.env)
  const node = await ownNodeName(paths.haDir)
  const loaded = await loadConfiguration(paths.haDir, { nodeName: node })
  if (!loaded.ok) {
    for (const diagnostic of loaded.diagnostics) writeToStderr(formatDiagnostic(diagnostic))
    return exitStatuses.configuration.status
  }
  const { configuration } = loaded
  const logger = createLogger({ cf: configuration.cf, node, clock: systemClock })
  const environment = baseEnvironment({ haDir: paths.haDir, stateDir: paths.stateDir, runDir: paths.runDir, node, cf: configuration.cf })
  const agents = createAgentRunner({ clock: systemClock, searchPath: scriptSearchPath({ haDir: paths.haDir }), environment, runDir: paths.runDir, onTrouble: sentence => logger.warn({}, sentence) })
  logger.crit({}, 'The daemon cannot be kept alive: Giving up all HA resources.')
  // The addresses first and at once: what clients reach must have one owner before anything slow begins.
  const addresses = configuration.groups.flatMap(group => addressesOf(group, () => null))
  dropAddresses(addresses, { projectResourceDir: projectResourceDir(), environment })
  const results = await Promise.all(configuration.groups.map((_, index) => releaseGroup(configuration, index, { agents, logger })))
  const isClean = results.every(Boolean)
  if (isClean) logger.info({}, 'All HA resources relinquished.')
  agents.close()
  await logger.close()
  return isClean ? exitStatuses.orderly.status : exitStatuses.stopIncomplete.status
}

/** Right to left; a resource that does not stop leaves those left of it running, as they may be in its use. */
async function releaseGroup(configuration: Configuration, index: number, context: { readonly agents: ScriptRunner; readonly logger: RootLogger }): Promise<boolean> {
  const { cf, groups } = configuration
  for (const resource of groups[index]?.resources.toReversed() ?? []) {
    const request = { resource, operation: 'stop', timeoutMs: cf.stopTimeoutMs } as const
    let outcome = await context.agents.run(request, { signal: new AbortController().signal })
    for (let tries = 0; outcome.kind !== 'ok' && outcome.kind !== 'not-installed' && tries < cf.stopRetries; tries += 1) {
      outcome = await context.agents.run(request, { signal: new AbortController().signal })
    }
    if (outcome.kind !== 'ok' && outcome.kind !== 'not-installed') {
      context.logger.crit({}, `Resource STOP failure. ${resource.word} may still run here: ${outcome.said.join(' | ')}`)
      return false
    }
  }
  return true
}

process.exit(await release())
