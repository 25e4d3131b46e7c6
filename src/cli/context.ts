/**
 * What every command gets from outside: environment, clock and where its words go. Tests hand in their own, so that each
 * command runs in the test's process against a daemon of the test's making.
 */

import { systemClock } from '../daemon/system-clock.js'
import { pathsFrom } from '../daemon/paths.js'
import type { Paths } from '../daemon/paths.js'
import type { Clock } from '../port/clock.js'

export interface CommandContext {
  readonly env: NodeJS.ProcessEnv
  readonly paths: Paths
  readonly clock: Clock
  /** One line to standard output. */
  out(line: string): void
  /** One line to standard error. */
  err(line: string): void
  /** The daemon's command line in place of ours; for tests. */
  readonly daemon?: readonly string[]
}

/** A program's whole life: arguments in, exit status out. */
export type Program = (args: readonly string[], context: CommandContext) => Promise<number>

export function processContext(): CommandContext {
  return {
    env: process.env,
    paths: pathsFrom(process.env),
    clock: systemClock,
    out: line => process.stdout.write(`${line}\n`),
    err: line => process.stderr.write(`${line}\n`)
  }
}

/** Runs a program for this process; the one place where a command's failure of an unforeseen kind is said. */
export async function runProgram(program: Program): Promise<void> {
  // `heartbeat status | head -1`: the reader has what it wanted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  try {
    const status = await program(process.argv.slice(2), processContext())
    // Commands that set the exit status of the process themselves keep it.
    if (status !== 0) process.exitCode = status
  } catch (error) {
    console.error(`heartbeat: unexpected failure of the command itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    process.exitCode = 1
  }
}
