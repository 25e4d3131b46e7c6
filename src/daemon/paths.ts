/**
 * Where everything lives. Three directories, each movable by an environment variable, so that several nodes can share a
 * machine (tests, the demo) and an unusual installation needs no patch.
 */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Paths {
  /** ha.cf, haresources, authkeys, resource.d (HA_DIR). */
  readonly haDir: string
  /** hb_generation, hb_uuid and what must survive a reboot (HA_STATE_DIR). */
  readonly stateDir: string
  /** What need not survive a reboot (HA_RUN_DIR). */
  readonly runDir: string
  readonly controlSocket: string
  /** The daemon's pid: ten characters, right-aligned, and a line feed, as Linux-HA writes it. */
  readonly pidFile: string
  /** The guard's pid; absent when the daemon runs in the foreground. */
  readonly guardPidFile: string
  /** What the guard and the daemon wrote to standard error since the last start: their last words after a crash. */
  readonly stderrFile: string
}

export function pathsFrom(env: Readonly<Record<string, string | undefined>>): Paths {
  const haDir = nonEmpty(env['HA_DIR']) ?? '/etc/ha.d'
  const stateDir = nonEmpty(env['HA_STATE_DIR']) ?? '/var/lib/heartbeat'
  const runDir = nonEmpty(env['HA_RUN_DIR']) ?? '/run/heartbeat'
  return {
    haDir,
    stateDir,
    runDir,
    controlSocket: join(runDir, 'control'),
    pidFile: join(runDir, 'heartbeat.pid'),
    guardPidFile: join(runDir, 'guard.pid'),
    stderrFile: join(runDir, 'heartbeat.stderr')
  }
}

/** The directory that holds package.json, bin/ and resource.d/, whether we run from src/ or from dist/src/. */
export function packageRoot(from: string = import.meta.url): string {
  let directory = dirname(fileURLToPath(from))
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error(`no package.json above ${fileURLToPath(from)}: the installation is not complete`)
    directory = parent
  }
  return directory
}

/** An empty variable means "not set": `HA_DIR= heartbeat start` must not read the root directory. */
function nonEmpty(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}
