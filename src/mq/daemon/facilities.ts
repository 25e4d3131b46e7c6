/** What MQSC sees of the process around the core: listeners, channels, log, and the machine. */

import os from 'node:os'
import { HaError } from '../../base/errors.js'
import type { ChannelStatus, Facilities, ListenerStatus, LogStatus } from '../core/administration.js'
import type { ObjectDefinition } from '../core/definition.js'
import type { MqClock } from '../core/engine.js'
import type { Lsn } from '../core/journal.js'
import { reasons } from '../core/reason.js'
import type { Gatekeeper } from '../listener/gatekeeper.js'
import type { Listener } from '../listener/listener.js'
import type { Listeners } from './listeners.js'
import type { OpenLog } from './open-log.js'

export interface FacilitiesOptions {
  readonly clock: MqClock
  readonly version: string
  readonly dataPath: string
  readonly log: OpenLog
  readonly listener: Listener
  readonly listeners: Listeners
  readonly gatekeeper: Gatekeeper
  readonly phase: () => 'STARTING' | 'RUNNING' | 'QUIESCING'
  readonly refreshSecurity: () => void
}

export class ProcessFacilities implements Facilities {
  readonly hostName = os.hostname()
  readonly processId = process.pid
  readonly startedMs: number
  readonly version: string
  readonly #options: FacilitiesOptions

  constructor(options: FacilitiesOptions) {
    this.#options = options
    this.startedMs = options.clock.wallMs()
    this.version = options.version
  }

  dataPath(): string {
    return this.#options.dataPath
  }

  status(): 'STARTING' | 'RUNNING' | 'QUIESCING' {
    return this.#options.phase()
  }

  log(): LogStatus {
    return this.#options.log.status()
  }

  listeners(): readonly ListenerStatus[] {
    return this.#options.listeners.statuses()
  }

  startListener(definition: ObjectDefinition): Promise<string | null> {
    return this.#options.listeners.start(definition)
  }

  stopListener(name: string): Promise<string | null> {
    return this.#options.listeners.stop(name)
  }

  channels(): readonly ChannelStatus[] {
    return this.#options.listener.channels()
  }

  stopChannel(name: string, how: { readonly mode: 'quiesce' | 'force' | 'terminate'; readonly leave: 'stopped' | 'inactive'; readonly connectionName?: string }): number {
    if (how.leave === 'stopped') this.#options.gatekeeper.setStopped(name, true)
    return this.#options.listener.endChannel(name, how.mode === 'quiesce' ? 'quiesce' : 'now', how.connectionName)
  }

  startChannel(name: string): void {
    this.#options.gatekeeper.setStopped(name, false)
  }

  refreshSecurity(): void {
    this.#options.refreshSecurity()
  }

  wallMs(): number {
    return this.#options.clock.wallMs()
  }

  nextTurn(): Promise<void> {
    return new Promise(resolve => {
      setImmediate(resolve)
    })
  }

  forcedTo(end: Lsn): Promise<void> {
    return this.#options.log.forcedTo(end)
  }

  async recordImage(queues: readonly string[]): Promise<string | null> {
    try {
      return await this.#options.log.recordImage(queues)
    } catch (error) {
      if (error instanceof HaError) return `${error.message} (${reasons.resourceProblem})`
      throw error
    }
  }
}
