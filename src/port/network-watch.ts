/** The host's network as it changes under us: carrier of interfaces, and addresses that appear, vanish, or are used by others too. */

import type { AgentOperation, AgentResultKind } from './agent-runner.js'

export interface NetworkWatchHandlers {
  /** The service interface of a group (index) lost its carrier, or has it again (null). */
  onCarrier(group: number, trouble: string | null): void
  /** For the log: what was repaired, and what could not be. */
  onNote(level: 'info' | 'warn' | 'error', text: string): void
}

/** An address of a group as it is on this host now. */
export interface LocatedAddress {
  readonly address: string
  readonly prefix: number
  readonly family: 4 | 6
  readonly nic: string
  /** Others of its subnet would vanish with it, unless the kernel is told to promote them. */
  readonly isPrimary: boolean
}

export interface NetworkWatch {
  open(handlers: NetworkWatchHandlers): void
  close(): void
  /**
   * An operation on a resource (indices) begins. Before a stop a repair under way is ended: then the promise says when,
   * and the stop waits for it, or the repair could put back what the stop has just removed. Null: nothing to wait for.
   */
  began(group: number, index: number, operation: AgentOperation): Promise<void> | null
  /** It ended so: what was started, or found running, is guarded from now on. */
  ended(group: number, index: number, operation: AgentOperation, kind: AgentResultKind): void
  /** Guards an address resource: one that was started, or found running. Any other resource is ignored. */
  expect(group: number, index: number): void
  /** Guards the group's addresses no more. */
  release(group: number): void
  /** Asks the network at once whether anybody else has an address of this group: after a healed partition. */
  check(group: number): void
  /** The addresses of a resource on this host; null when it is not known whether there are any. */
  locate(group: number, index: number): readonly LocatedAddress[] | null
  /** What is wrong now, one sentence each; for `heartbeat status`. */
  troubles(): readonly string[]
}
