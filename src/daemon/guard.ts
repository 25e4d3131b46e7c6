/**
 * Builds the command line under which the daemon lives:
 *
 *   sh heartbeat-guard RUN_DIR node release.js  [chrt -r PRIORITY]  node main.js
 *
 * The guard (bin/heartbeat-guard) is a small shell that starts the daemon again after a crash, and runs release.js when it
 * must give up. chrt gives the daemon real-time priority and then becomes node. Its threads, which read and write the lease
 * and the log, have it, too; what it begins gives it up (process/ordinary.ts), so that no resource is preferred.
 */

import { join } from 'node:path'
import type { Millis } from '../base/units.js'
import type { CommandLine } from '../process/ordinary.js'
import { packageRoot } from './paths.js'

/**
 * rtprio when ha.cf has none. The lowest real-time priority is enough: it runs before every ordinary process, and the
 * kernel's own real-time threads (watchdogs, interrupts, usually 50 and 99) still run before it.
 */
export const defaultRealtimePriority = 1

/**
 * V8 without its helper threads: its heap is a few megabytes, so collecting it alone takes milliseconds, and waking helpers
 * ten times a second costs an idle daemon a quarter of its processor time. But then it compiles while nothing else happens,
 * 10 to 25 ms for a large function; below a deadtime of `compilesAsideBelowMs` that is done aside, for 5 MB more.
 *
 * A function is compiled after running through a seventh of the bytecode that V8 asks for by itself: at ten heartbeats a
 * second the daemon would compile for many minutes what its warm-up (warm-up.ts) then has compiled within seconds.
 */
const nodeFlags = (deadtimeMs: Millis): readonly string[] => [deadtimeMs < compilesAsideBelowMs ? '--single-threaded-gc' : '--single-threaded', '--interrupt-budget=20000']
const compilesAsideBelowMs = 300

export interface GuardOptions {
  readonly runDir: string
  /** SCHED_RR priority of the daemon's main thread; null for ordinary scheduling. */
  readonly realtimePriority: number | null
  /** As in ha.cf. */
  readonly deadtimeMs: Millis
  /** The daemon's program, and what releases its resources when it cannot be kept alive; tests put their own here. */
  readonly daemon?: readonly string[]
  readonly release?: string
}

export function guardCommand(options: GuardOptions): CommandLine {
  return {
    file: '/bin/sh',
    args: [
      join(packageRoot(), 'bin', 'heartbeat-guard'),
      options.runDir,
      process.execPath,
      options.release ?? releaseProgram(),
      ...daemonCommand(options)
    ]
  }
}

function daemonCommand(options: GuardOptions): readonly string[] {
  const daemon = options.daemon ?? [process.execPath, ...nodeFlags(options.deadtimeMs), join(packageRoot(), 'dist', 'src', 'daemon', 'main.js')]
  return options.realtimePriority === null ? daemon : ['chrt', '-r', String(options.realtimePriority), ...daemon]
}

/** The program that stops every resource of this node without a daemon. */
export const releaseProgram = (): string => join(packageRoot(), 'dist', 'src', 'daemon', 'release.js')
