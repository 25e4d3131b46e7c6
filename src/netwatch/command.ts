/**
 * Runs one short command of the host (`ip`, our announcer, our probe) with a time limit and bounded output.
 *
 * It is over when its output has ended, or at the limit: then it is killed and whatever still holds its output is let
 * go. The callback is always made, once, never during the call.
 */

import { spawn } from 'node:child_process'
import type { Millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import { atOrdinaryPriority } from '../process/ordinary.js'

export interface CommandEnd {
  /** null when a signal or the limit ended it, or when it could not be begun. */
  readonly exitCode: number | null
  readonly stdout: string
  /** The first lines of what it complained about, or why it could not be run. */
  readonly trouble: string
}

export interface CommandOptions {
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string>>
  readonly limitMs: Millis
  readonly input?: string
}

export interface RunningCommand {
  /** Kills it; the callback follows as for any other end. */
  end(): void
}

/** A host with some thousand interfaces prints about a megabyte. */
const outputBytesMax = 8 * 1024 * 1024
const troubleBytesMax = 2_000

export function runCommand(words: readonly string[], options: CommandOptions, onEnd: (end: CommandEnd) => void): RunningCommand {
  const [program = '', ...rest] = words
  const { file, args } = atOrdinaryPriority(program, rest, options.environment['PATH'])
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...options.environment }, cwd: '/' })
  const chunks: Buffer[] = []
  let bytes = 0
  let trouble = ''
  let isOver = false
  const finish = (exitCode: number | null, why: string | null): void => {
    if (isOver) return
    isOver = true
    limit.cancel()
    child.stdin.destroy()
    child.stdout.destroy()
    child.stderr.destroy()
    onEnd({ exitCode, stdout: Buffer.concat(chunks).toString('utf8'), trouble: why ?? trouble.trim().replaceAll('\n', ' | ') })
  }
  const give = (why: string): void => {
    child.kill('SIGKILL')
    finish(null, why)
  }
  const limit = options.clock.schedule(options.limitMs, () => give(`${program} did not end within ${options.limitMs} ms`))
  child.on('error', error => finish(null, `${program} could not be run: ${error.message}`))
  child.on('close', (exitCode, signal) => finish(exitCode, signal === null ? null : `${program} was ended by ${signal}`))
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > outputBytesMax) give(`${program} said more than ${outputBytesMax} bytes`)
    else chunks.push(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => {
    if (trouble.length < troubleBytesMax) trouble += chunk.toString('utf8').slice(0, troubleBytesMax)
  })
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined) // the end of the child says it all
  child.stdin.end(options.input ?? '')
  return { end: () => child.kill('SIGKILL') }
}
