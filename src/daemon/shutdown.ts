/**
 * The written answer to "what happens to resources we still hold when the daemon must end?"
 *
 *  - Ordered to stop (SIGTERM, `heartbeat stop`): every group is released first; then status 0, or 20 when one is blocked.
 *  - Nothing taken yet (wrong configuration, unusable state or media): ends with that condition's status; nothing to release.
 *  - A bug (broken invariant, unhandled error): one synchronous line, status 70, and the resources are left running. The
 *    guard starts the daemon again at once, which finds them running and adopts them: no outage, and well within the
 *    peer's deadtime. Stopping them from a process whose state cannot be trusted would be the greater risk.
 *  - Killed: as a bug, without the line; the guard writes it.
 *  - Started again too often: the guard gives up and runs the release program (daemon/release.ts), so that the peer,
 *    which takes over after its deadtime, does not meet resources that nobody watches.
 */

import { closeSync, writeSync } from 'node:fs'
import { exitStatuses } from './exit-status.js'

/** Ends the process on any error that nobody handled. `lastWords` writes synchronously and does not throw. */
export function installLastResort(lastWords: (text: string) => void): void {
  const end = (error: unknown, kind: string): never => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    lastWords(`${kind}: ${text.replaceAll('\n', ' | ')}. Ending with status ${exitStatuses.bug.status}; resources keep running and are adopted by the next start`)
    process.exit(exitStatuses.bug.status)
  }
  process.on('uncaughtException', error => end(error, 'Bug: uncaught error'))
  process.on('unhandledRejection', reason => end(reason, 'Bug: unhandled rejection'))
}

/** Last words before there is a logger. */
export function writeToStderr(text: string): void {
  try {
    writeSync(2, `heartbeat: CRIT: ${text}\n`)
  } catch (error) {
    // Without a standard error there is nobody left to tell; the exit status still says it.
    process.exitCode = error instanceof Error ? exitStatuses.bug.status : exitStatuses.general.status
  }
}

/** Tells the program that started us, once, how the start went: `ready`, or `failed CODE SENTENCE`. */
export class ReadySignal {
  #fd: number | null

  constructor(env: Readonly<Record<string, string | undefined>>) {
    const fd = Number(env['HA_READY_FD'])
    this.#fd = Number.isInteger(fd) && fd > 2 ? fd : null
  }

  ready(): void {
    this.#tell('ready\n')
  }

  failed(code: string, sentence: string): void {
    this.#tell(`failed ${code} ${sentence.replaceAll('\n', ' ')}\n`)
  }

  #tell(line: string): void {
    if (this.#fd === null) return
    try {
      writeSync(this.#fd, line)
      closeSync(this.#fd) // or every script we run would hold it open
    } catch (error) {
      writeToStderr(`cannot tell the starting program: ${String(error)}`)
    }
    this.#fd = null
  }
}
