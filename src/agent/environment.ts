/**
 * Builds the environment in which every resource script runs: nothing is inherited, so that a script behaves the same
 * whether the daemon was started at boot, by hand or by another program.
 *
 * The names are Linux-HA's (its ResourceManager and its hooks), so that scripts which source /etc/ha.d/shellfuncs or
 * OCF's shell library find what they expect. Every recorded directive of ha.cf is there as HA_<name>.
 *
 * Not here: the arguments and the working directory, which is always `/` (runner.ts).
 * Source: reference on Linux-HA, 7.5; reference on resource agents, 1.2, 2, 3.2.
 */

import { dirname, join } from 'node:path'
import type { Millis } from '../base/units.js'
import type { HaCf } from '../config/types.js'

export interface EnvironmentSource {
  readonly haDir: string
  readonly stateDir: string
  /** Where the daemons of this project keep their pid files; Filesystem spares those processes. */
  readonly runDir?: string
  /** This node's name, as in ha.cf. */
  readonly node: string
  readonly cf: Pick<HaCf, 'logfile' | 'debugfile' | 'logfacility' | 'debug' | 'recorded'>
}

/** The path a script can rely on; the administrator's own programs in /usr/local come first, as at a root shell. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Our own script for queue managers runs our own commands, which need the Node that runs us, wherever that is. */
function pathWithNode(): string {
  const directory = dirname(process.execPath)
  return searchPath.split(':').includes(directory) ? searchPath : `${searchPath}:${directory}`
}

/** The variables that are the same for every operation; built once. */
export function baseEnvironment(source: EnvironmentSource): Readonly<Record<string, string>> {
  const { haDir, cf } = source
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(cf.recorded)) {
    // ha.cf names like `api.auth` exist; a shell cannot hold them, so they are left out rather than bent.
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !value.includes('\0')) environment[`HA_${name}`] = value
  }
  // Without a log file of their own, Debian's scripts log to stderr, which the runner keeps for the operator.
  if (cf.logfile !== null) environment['HA_LOGFILE'] = cf.logfile
  const debugfile = cf.debugfile ?? cf.logfile
  if (debugfile !== null) environment['HA_DEBUGLOG'] = debugfile
  return {
    ...environment,
    PATH: pathWithNode(),
    LC_ALL: 'C',
    HOME: '/',
    HA_DIR: haDir,
    HA_RCDIR: join(haDir, 'rc.d'),
    HA_FUNCS: join(haDir, 'shellfuncs'),
    HA_CONFDIR: join(haDir, 'conf'),
    HA_RESOURCEDIR: join(haDir, 'resource.d'),
    HA_FIFO: join(source.stateDir, 'fifo'),
    HA_VARLIB: source.stateDir,
    HA_RUN_DIR: source.runDir ?? '/run/heartbeat',
    HA_VARRUN: '/var/run',
    HA_RSCTMP: '/run/resource-agents',
    HA_LOGFACILITY: cf.logfacility ?? 'none',
    HA_LOGD: 'no',
    HA_DATEFMT: '%Y/%m/%d_%T ',
    HA_debug: String(cf.debug),
    HA_CURHOST: source.node,
    OCF_ROOT: '/usr/lib/ocf'
  }
}

/** The environment of one operation. `HA_OP_TIMEOUT_MS` tells a script how long it has before it is ended. */
export function operationEnvironment(
  base: Readonly<Record<string, string>>,
  options: { readonly style: 'r1' | 'lsb'; readonly remainingMs: Millis }
): Readonly<Record<string, string>> {
  const environment: Record<string, string> = { ...base, HA_OP_TIMEOUT_MS: String(Math.max(1, Math.floor(options.remainingMs))) }
  if (options.style === 'lsb') {
    // Debian's init-functions would hand the call to systemctl and return before the service is up.
    environment['_SYSTEMCTL_SKIP_REDIRECT'] = 'true'
    environment['SYSTEMCTL_SKIP_REDIRECT'] = '1'
  }
  return environment
}
