/**
 * Puts addresses back as they were: one `ip -batch` for all that are missing. It begins without delay and does not wait.
 *
 * It can be ended at any moment, since a stop may not run beside it; whoever waits for its end gets a promise that
 * settles when the process is gone.
 */

import { millis } from '../base/units.js'
import type { Clock } from '../port/clock.js'
import { runCommand, type RunningCommand } from './command.js'
import type { GuardedAddress } from './guarded-address.js'

export interface RepairEnd {
  readonly ids: readonly number[]
  readonly exitCode: number | null
  /** By us, so it says nothing about the addresses. */
  readonly wasEnded: boolean
  readonly trouble: string
}

export interface RepairOptions {
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string>>
  onEnd(end: RepairEnd): void
}

const limitMs = millis(2_000)

export class Repair {
  readonly #options: RepairOptions
  #running: { readonly ids: readonly number[]; readonly command: RunningCommand; readonly ended: Promise<void>; wasEnded: boolean } | null = null

  constructor(options: RepairOptions) {
    this.#options = options
  }

  get isRunning(): boolean {
    return this.#running !== null
  }

  isFor(id: number): boolean {
    return this.#running?.ids.includes(id) ?? false
  }

  begin(items: readonly GuardedAddress[]): void {
    const ids = items.map(item => item.id)
    const input = items.map(line).join('')
    let settle: () => void = () => undefined
    const ended = new Promise<void>(resolve => (settle = resolve))
    // -force: one that cannot be added does not keep the others away.
    const command = runCommand(['ip', '-force', '-batch', '-'], { ...this.#options, limitMs, input }, end => {
      const wasEnded = this.#running?.wasEnded ?? false
      this.#running = null
      settle()
      this.#options.onEnd({ ids, exitCode: end.exitCode, wasEnded, trouble: end.trouble })
    })
    this.#running = { ids, command, ended, wasEnded: false }
  }

  /** Ends the repair when it is about this address; resolves when it is over. Null when there is none. */
  endIfFor(id: number): Promise<void> | null {
    if (this.#running === null || !this.isFor(id)) return null
    const { ended } = this.#running
    this.end()
    return ended
  }

  end(): void {
    if (this.#running === null) return
    this.#running.wasEnded = true
    this.#running.command.end()
  }
}

function line(item: GuardedAddress): string {
  const { place } = item
  if (place === null) return ''
  const { address, broadcast, label, prefix } = place.seen
  const isIpv6 = item.argument.family === 6
  const words = ['address', 'add', `${address}/${prefix}`]
  if (isIpv6) words.push('nodad')
  else if (broadcast !== '') words.push('broadcast', broadcast)
  if (label !== '') words.push('label', label)
  return `${words.join(' ')} dev ${place.nic}\n`
}
