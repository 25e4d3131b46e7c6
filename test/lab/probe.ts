/** Starts the client's probe (probe-main.ts) and keeps the outages it saw. */

import { spawn, type ChildProcess } from 'node:child_process'
import readline from 'node:readline'
import { asAdministrator, monotonicMs } from './command.js'

/** A time without any answer, on the monotonic clock; `toMs` and `by` are null while it lasts. */
export interface Outage {
  readonly fromMs: number
  readonly toMs: number | null
  readonly ms: number | null
  /** The node that answered before and the one that answered after. */
  readonly before: string | null
  readonly by: string | null
}

type ProbeEvent =
  | { readonly kind: 'answer'; readonly at: number; readonly by: string }
  | { readonly kind: 'silent'; readonly since: number }
  | { readonly kind: 'back'; readonly since: number | null; readonly at: number; readonly by: string }
  | { readonly kind: 'late'; readonly ms: number }

export class Probe {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #outages: Outage[] = []
  readonly #owners: { readonly atMs: number; readonly by: string }[] = []
  #by: string | null = null
  #silentSince: number | null = null
  #lateMsMax = 0

  /** `launcher` is what runs a command in the client's namespace. */
  constructor(launcher: readonly string[], program: readonly string[]) {
    const [file = 'env', ...args] = asAdministrator([...launcher, ...program])
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#ended = new Promise(resolve => {
      this.#child.once('error', () => resolve())
      this.#child.once('exit', () => resolve())
    })
    const { stdout } = this.#child
    if (stdout !== null) readline.createInterface({ input: stdout }).on('line', line => this.#onEvent(JSON.parse(line) as ProbeEvent))
  }

  /** The node that answered last, or null before the first answer and during an outage. */
  get answeredBy(): string | null {
    return this.#silentSince === null ? this.#by : null
  }

  /** Completed outages, then the present one if there is one. */
  get outages(): readonly Outage[] {
    const now = this.#silentSince === null ? [] : [{ fromMs: this.#silentSince, toMs: null, ms: null, before: this.#by, by: null }]
    return [...this.#outages, ...now]
  }

  /** Each change of the answering node. */
  get owners(): readonly { readonly atMs: number; readonly by: string }[] {
    return this.#owners
  }

  /** How long the probe itself was kept from running, at worst. */
  get lateMsMax(): number {
    return this.#lateMsMax
  }

  /** The longest silence since a moment, in ms; 0 when nobody was missed, Infinity while it lasts. */
  longestOutageSince(sinceMs: number): number {
    const lengths = this.outages.filter(outage => (outage.toMs ?? monotonicMs()) > sinceMs).map(outage => outage.ms ?? Infinity)
    return Math.max(0, ...lengths)
  }

  /** Ends the probe; it follows at once when its input closes. */
  async stop(): Promise<void> {
    this.#child.stdin?.end()
    await this.#ended
  }

  #onEvent(event: ProbeEvent): void {
    switch (event.kind) {
      case 'late':
        this.#lateMsMax = Math.max(this.#lateMsMax, event.ms)
        return
      case 'silent':
        this.#silentSince = event.since
        return
      case 'back':
        if (event.since !== null) {
          this.#outages.push({ fromMs: event.since, toMs: event.at, ms: event.at - event.since, before: this.#by, by: event.by })
        }
        this.#silentSince = null
        this.#onOwner(event.at, event.by)
        return
      case 'answer':
        this.#onOwner(event.at, event.by)
        return
    }
  }

  #onOwner(atMs: number, by: string): void {
    if (by !== this.#by) this.#owners.push({ atMs, by })
    this.#by = by
  }
}
