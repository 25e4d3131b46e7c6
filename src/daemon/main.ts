/**
 * The heartbeat daemon's entry: `node main.js`, with HA_DIR, HA_STATE_DIR and HA_RUN_DIR, and HA_READY_FD when
 * `heartbeat start` waits for word. Always in the foreground; `heartbeat start` and the guard make it a daemon.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { HaError } from '../base/errors.js'
import { formatDiagnostic } from '../config/configuration.js'
import { exitStatuses, type ExitReason } from './exit-status.js'
import { loadConfiguration, ownNodeName } from './load-configuration.js'
import { createLogger, type RootLogger } from './logger.js'
import { packageRoot, pathsFrom } from './paths.js'
import { installLastResort, ReadySignal, writeToStderr } from './shutdown.js'
import { startDaemon, type Daemon } from './daemon.js'
import { systemClock } from './system-clock.js'

async function main(): Promise<void> {
  const ready = new ReadySignal(process.env)
  installLastResort(writeToStderr)
  process.chdir('/')
  const paths = pathsFrom(process.env)
  const nodeName = await ownNodeName(paths.haDir)
  const loaded = await loadConfiguration(paths.haDir, { nodeName })
  if (!loaded.ok) {
    for (const diagnostic of loaded.diagnostics) writeToStderr(formatDiagnostic(diagnostic))
    ready.failed('HA_CONFIG_INVALID', 'Configuration error, heartbeat not started.')
    process.exit(exitStatuses.configuration.status)
  }
  const { configuration } = loaded
  const logger = createLogger({ cf: configuration.cf, node: nodeName, clock: systemClock, isForeground: process.env['HA_FOREGROUND'] === '1' })
  process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection')
  installLastResort(text => logger.fatalSync(text))
  for (const diagnostic of loaded.diagnostics) logger.warn({}, formatDiagnostic(diagnostic))
  const version = packageVersion()
  logger.info({}, '**************************')
  logger.info({}, `Configuration validated. Starting heartbeat ${version}`)
  const before = process.env['HA_RESTARTED_AFTER']
  if (before !== undefined && before !== '') logger.error({}, `The daemon ended unexpectedly (${before}) and was started again; running resources are adopted`)
  let daemon: Daemon
  try {
    daemon = await startDaemon({ configuration, nodeName, paths, version, clock: systemClock, logger })
  } catch (error) {
    await endAfterFailure(error, ready, logger)
    return
  }
  process.on('SIGTERM', () => daemon.stop())
  process.on('SIGINT', () => daemon.stop())
  process.on('SIGHUP', () => daemon.hangUp())
  // Linux-HA's debug level by signal; it also keeps Node from opening its inspector on USR1.
  let debug = configuration.cf.debug
  const setDebug = (level: number): void => {
    debug = Math.max(0, level)
    logger.setDebug(debug)
    logger.info({}, `debug level is now ${debug}`)
  }
  process.on('SIGUSR1', () => setDebug(debug + 1))
  process.on('SIGUSR2', () => setDebug(debug - 1))
  ready.ready()
  const isClean = await daemon.ended
  await logger.close()
  process.exit(isClean ? exitStatuses.orderly.status : exitStatuses.stopIncomplete.status)
}

async function endAfterFailure(error: unknown, ready: ReadySignal, logger: RootLogger): Promise<void> {
  const reasons: Partial<Record<HaError['code'], ExitReason>> = {
    HA_ALREADY_RUNNING: 'alreadyRunning',
    HA_STATE_UNUSABLE: 'state',
    HA_MEDIA_UNUSABLE: 'media',
    HA_LEASE_REFUSED: 'lease',
    HA_NOT_PERMITTED: 'permission'
  }
  if (!(error instanceof HaError)) throw error
  ready.failed(error.code, error.message)
  logger.fatalSync(`Heartbeat not started: ${error.message}`)
  await logger.close()
  process.exit(exitStatuses[reasons[error.code] ?? 'general'].status)
}

function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '0'
}

await main()
