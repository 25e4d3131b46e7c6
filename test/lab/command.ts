/**
 * Runs one command of the laboratory with a time limit and says how it ended.
 *
 * Output goes to files, not pipes: a command that leaves a daemon behind which keeps its output open (a fault we want to
 * see in tests, not to hang on) is over when the command itself has ended.
 */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export interface CommandResult {
  /** null when a signal or the time limit ended it. */
  readonly code: number | null
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
}

export interface CommandOptions {
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
}

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly result: CommandResult

  constructor(command: readonly string[], result: CommandResult) {
    const how = result.timedOut ? `ran longer than allowed (${result.durationMs} ms)` : `ended with ${result.code}`
    super(`${command.join(' ')}: ${how}\n${result.stderr}${result.stdout}`)
    this.result = result
  }
}

/** Milliseconds of CLOCK_MONOTONIC, the same in every process and namespace of this machine. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

export const basicEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C'
}

/**
 * The command line with which to begin a command. A test runner slips its own loader into the environment of every child
 * through NODE_OPTIONS, whatever `env` says; what we measure must be the program as an administrator runs it.
 */
export const asAdministrator = (words: readonly string[]): readonly string[] => ['env', '-u', 'NODE_OPTIONS', ...words]

/**
 * Begins a measuring program: it stands for another computer, so it must not wait for the processor behind what it
 * measures. Its priority lies above the daemon's; what it does is too little to disturb anybody. Where real-time
 * priority is not to be had, it runs without.
 */
export const atOnce: readonly string[] = [
  'sh',
  '-c',
  'if chrt --rr --reset-on-fork 40 true 2>/dev/null; then exec chrt --rr --reset-on-fork 40 "$@"; fi; exec "$@"',
  'at-once'
]

/** Always resolves unless the command cannot be begun at all. */
export async function tryCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [file = 'env', ...args] = asAdministrator(command)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hbcmd-'))
  const out = fs.openSync(path.join(folder, 'out'), 'w+')
  const err = fs.openSync(path.join(folder, 'err'), 'w+')
  const began = monotonicMs()
  try {
    const child = spawn(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', out, err],
      env: { ...basicEnvironment, ...pathOfNode(), ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd })
    })
    child.stdin?.end(options.input)
    let timedOut = false
    const limit = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
    }, options.timeoutMs ?? 15_000)
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', status => resolve(status))
    }).finally(() => clearTimeout(limit))
    return {
      code,
      timedOut,
      stdout: fs.readFileSync(path.join(folder, 'out'), 'utf8'),
      stderr: fs.readFileSync(path.join(folder, 'err'), 'utf8'),
      durationMs: Math.round(monotonicMs() - began)
    }
  } finally {
    fs.closeSync(out)
    fs.closeSync(err)
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** As tryCommand; any end but 0 throws CommandFailed. Returns what it wrote to standard output. */
export async function command(words: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await tryCommand(words, options)
  if (result.code !== 0) throw new CommandFailed(words, result)
  return result.stdout
}

/** Node may live outside of the system's directories (a version manager); commands must find the one we run on. */
function pathOfNode(): Record<string, string> {
  return { PATH: `${basicEnvironment['PATH'] ?? ''}:${path.dirname(process.execPath)}` }
}
