/**
 * The configured fencing devices as one port: `fence`, `test`, and `confirm` for the operator's word.
 *
 * Invariants
 *  1. Every call ends within its `timeoutMs`, whatever the devices do; none rejects.
 *  2. `fenced` is said only when a whole level reported off (verified where the device can), or an operator said so
 *     during the attempt. Switching on again comes after and changes nothing of it.
 *  3. Fencing goes before testing: a test under way is ended first, since many devices serve one session at a time.
 *  4. No secret is in a description or an outcome.
 *
 * Not here: when to fence, the wait of the node that holds less (safety/, cluster/).
 */

import { after, elapsed, millis, type Millis } from '../base/units.js'
import type { FencingConfig, FencingDevice } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import type { Fencing, FencingOutcome, FencingProof } from '../port/fencing.js'
import { Children } from './child.js'
import { createClusterGlue } from './cluster-glue.js'
import type { Device } from './device.js'
import { createFenceAgent } from './fence-agent.js'
import { fenceByLevels, testLevels, type Level, type LevelHeld } from './levels.js'
import { createOperator } from './operator.js'

export const agentFolders: readonly string[] = ['/usr/local/sbin', '/usr/sbin', '/sbin']
export const stonithProgram = '/usr/sbin/stonith'

export interface FencingOptions {
  readonly clock: Clock
  /** This node; its devices switch off all others. */
  readonly self: string
  /** A tmpfs of ours. */
  readonly runDir: string
  /** Whether a node is heard now; a device that calls a heard node off fails its test. */
  readonly isHeard?: (node: string) => boolean
  /** What happens after the outcome: the victim is on again, or is not. */
  readonly onRestored?: (victim: string, said: readonly string[]) => void
  /** For tests. */
  readonly agentFolders?: readonly string[]
  readonly stonithProgram?: string
  readonly graceMs?: Millis
  readonly verifyMs?: Millis
  readonly retryPauseMs?: Millis
}

export interface ConfirmableFencing extends Fencing {
  /**
   * An operator's word that `victim` is off. It counts for the attempt under way and for no later one; false when none
   * is under way (whoever decides may take the word itself then).
   */
  confirm(victim: string): boolean
}

interface Attempt {
  readonly abort: AbortController
  confirm(): void
}

export function createFencing(config: FencingConfig, options: FencingOptions): ConfirmableFencing {
  return new ConfiguredFencing(config, options)
}

class ConfiguredFencing implements ConfirmableFencing {
  readonly description: string
  readonly #config: FencingConfig
  readonly #options: FencingOptions
  readonly #clock: Clock
  readonly #children: Children
  readonly #graceMs: Millis
  readonly #plans: ReadonlyMap<string, readonly Level[]>
  readonly #attempts = new Map<string, Attempt>()
  /** Ends tests and switchings-on. */
  readonly #minor = new Set<AbortController>()
  /** Kept until they end; they never reject. */
  readonly #restoring = new Set<Promise<void>>()
  #isClosed = false

  constructor(config: FencingConfig, options: FencingOptions) {
    this.#config = config
    this.#options = options
    this.#clock = options.clock
    this.#graceMs = options.graceMs ?? millis(300)
    this.#children = new Children({ clock: options.clock, runDir: options.runDir, graceMs: this.#graceMs })
    const plans = config.plans.filter(plan => plan.victim !== options.self)
    this.#plans = new Map(plans.map(({ victim, levels }) => [victim, levels.map(level => level.map(device => this.#driver(device)))]))
    this.description = [...this.#plans.values()].map(levels => levels.map(level => level.map(device => device.description).join(' and ')).join('; then ')).join('; ')
  }

  async fence(victim: string, { timeoutMs, signal }: { readonly timeoutMs: Millis; readonly signal: AbortSignal }): Promise<FencingOutcome> {
    const startedAt = this.#clock.monotonic()
    const failed = (said: readonly string[]): FencingOutcome => ({ kind: 'failed', said, durationMs: elapsed(startedAt, this.#clock.monotonic()) })
    const levels = this.#plans.get(victim)
    if (levels === undefined) return failed([`no fencing device of this node can switch off ${victim}`])
    if (this.#attempts.has(victim)) return failed([`${victim} is being fenced already`])
    if (this.#isClosed) return failed(['fencing is shut down'])
    this.#endMinor()

    const said: string[] = []
    const abort = new AbortController()
    const operator = deferred<'confirmed'>()
    const ended = deferred<'over'>()
    const end = (): void => ended.resolve('over')
    const timer = this.#clock.schedule(timeoutMs, end)
    signal.addEventListener('abort', end, { once: true })
    abort.signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    this.#attempts.set(victim, { abort, confirm: () => operator.resolve('confirmed') })
    try {
      // Those beaten by the deadline still have to be told to stop and to say what they were doing.
      const until = after(startedAt, millis(Math.max(0, timeoutMs - this.#marginMs(timeoutMs))))
      const { action, retries } = this.#config
      const retryPauseMs = this.#options.retryPauseMs ?? millis(500)
      const work = fenceByLevels(levels, victim, { until, signal: abort.signal }, { clock: this.#clock, action, retries, retryPauseMs }, said)
      const first = await Promise.race([operator.promise, work, ended.promise])
      const durationMs = elapsed(startedAt, this.#clock.monotonic())
      if (first === 'confirmed') return { kind: 'fenced', device: 'an operator\'s word', durationMs }
      if (first === 'over') return failed([...said, signal.aborted || abort.signal.aborted ? 'the attempt was called off' : `the time of ${timeoutMs} ms ran out`])
      if (first === null) return failed(said)
      this.#restore(victim, first)
      return { kind: 'fenced', device: first.device, durationMs }
    } catch (error) {
      // The core acts on outcomes only: an unforeseen error of the operating system is a failed attempt.
      return failed([...said, `it could not be done: ${String(error)}`])
    } finally {
      this.#attempts.delete(victim)
      timer.cancel()
      signal.removeEventListener('abort', end)
      abort.abort()
    }
  }

  async test(victim: string, { timeoutMs, signal }: { readonly timeoutMs: Millis; readonly signal: AbortSignal }): Promise<FencingProof> {
    const levels = this.#plans.get(victim)
    if (levels === undefined) return { kind: 'unproven', said: [`no fencing device of this node can switch off ${victim}`] }
    if (this.#attempts.size > 0 || this.#isClosed) return { kind: 'unproven', said: ['not tested: the devices are in use'] }
    const startedAt = this.#clock.monotonic()
    const abort = new AbortController()
    const ended = deferred<'over'>()
    const end = (): void => abort.abort()
    abort.signal.addEventListener('abort', () => ended.resolve('over'), { once: true })
    const timer = this.#clock.schedule(timeoutMs, end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    this.#minor.add(abort)
    try {
      const until = after(startedAt, millis(Math.max(0, timeoutMs - this.#marginMs(timeoutMs))))
      const tested = await Promise.race([testLevels(levels, victim, { until, signal: abort.signal }, this.#clock), ended.promise])
      if (tested === 'over') return { kind: 'unproven', said: ['the test was ended before all devices had answered'] }
      return { kind: tested.isProven ? 'proven' : 'unproven', said: tested.said }
    } catch (error) {
      return { kind: 'unproven', said: [`the test could not be made: ${String(error)}`] }
    } finally {
      this.#minor.delete(abort)
      timer.cancel()
      signal.removeEventListener('abort', end)
      abort.abort()
    }
  }

  confirm(victim: string): boolean {
    const attempt = this.#attempts.get(victim)
    attempt?.confirm()
    return attempt !== undefined
  }

  close(): void {
    this.#isClosed = true
    for (const { abort } of this.#attempts.values()) abort.abort()
    this.#endMinor()
    this.#children.close()
  }

  /** The takeover need not wait for the victim to boot again. */
  #restore(victim: string, { restore }: LevelHeld): void {
    if (restore === null || this.#isClosed) return
    const abort = new AbortController()
    this.#minor.add(abort)
    const until = after(this.#clock.monotonic(), this.#config.timeoutMs)
    const restoring = restore({ until, signal: abort.signal })
      .catch((error: unknown) => [`${victim} could not be switched on again: ${String(error)}`])
      .then(said => {
        this.#minor.delete(abort)
        this.#restoring.delete(restoring)
        if (!this.#isClosed) this.#options.onRestored?.(victim, said)
      })
    this.#restoring.add(restoring)
  }

  /** What is kept back from the devices' time for ending those that hang and hearing why. */
  #marginMs(timeoutMs: Millis): number {
    return Math.min(this.#graceMs + 500, timeoutMs / 3)
  }

  #endMinor(): void {
    for (const abort of this.#minor) abort.abort()
    this.#minor.clear()
  }

  #driver(device: FencingDevice): Device {
    switch (device.kind) {
      case 'fence-agent':
        return createFenceAgent(device, {
          clock: this.#clock,
          children: this.#children,
          agentFolders: this.#options.agentFolders ?? agentFolders,
          verifyMs: this.#options.verifyMs ?? millis(20_000),
          isHeard: this.#options.isHeard ?? (() => false)
        })
      case 'cluster-glue':
        return createClusterGlue(device, { children: this.#children, program: this.#options.stonithProgram ?? stonithProgram })
      case 'operator':
        return createOperator(this.#clock)
    }
  }
}

function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let settle: (value: T) => void = () => undefined
  const promise = new Promise<T>(resolve => (settle = resolve))
  return { promise, resolve: value => settle(value) }
}
