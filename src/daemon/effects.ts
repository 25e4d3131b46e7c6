/**
 * Performs the cluster core's effects on the real world, and posts what comes of them.
 *
 * Nothing here decides. Datagrams leave synchronously; scripts, log lines and files are begun and never waited for.
 */

import { readFileSync } from 'node:fs'
import type { ScriptRunner } from '../agent/runner.js'
import { unreachable } from '../base/invariant.js'
import type { ClusterEffect, ClusterEvent } from '../cluster/types.js'
import type { AuthKeys, Configuration } from '../config/types.js'
import type { ControlReply } from '../control/server.js'
import type { AgentOutcome } from '../port/agent-runner.js'
import type { Clock } from '../port/clock.js'
import type { Medium } from '../port/medium.js'
import type { NetworkWatch } from '../port/network-watch.js'
import { stringField } from '../wire/fields.js'
import { encodeNetstring } from '../wire/datagram.js'
import type { Message } from '../wire/message.js'
import type { Agreement } from '../wire/ownership.js'
import { statusMessage, withSender, type Sender, type Surroundings } from '../wire/status.js'
import { addressesOf, dropAddresses, type RemovalContext } from './addresses.js'
import type { RootLogger } from './logger.js'
import type { Safeguards } from './safeguards.js'
import type { Memory } from './memory.js'
import { SentHistory } from './sent-history.js'
import { supervise } from './supervise.js'

/** The load average is decoration in the datagram; every ten seconds is often enough. */
const loadEveryMs = 10_000
const resendsMax = 50

export interface EffectsContext {
  readonly clock: Clock
  readonly configuration: Configuration
  /** The keys as last read; `heartbeat reload` changes them. */
  keys(): AuthKeys
  readonly sender: Sender
  readonly peerName: string
  readonly media: readonly Medium[]
  readonly agents: ScriptRunner
  readonly removal: RemovalContext
  readonly memory: Memory
  readonly safeguards: Safeguards
  /** Tells the sentry that the daemon lives; `quietMs` is for how long its silence would be no hang. */
  feed(told: { readonly quietMs: number; readonly isNews: boolean }): void
  readonly networkWatch: NetworkWatch
  readonly logger: RootLogger
  /** True when neither node has been seen to run the group: nobody waits for this start, and a stranger may have the address. */
  isFirstStart(group: number): boolean
  /** The log line's command for a resource, e.g. `/etc/ha.d/resource.d/IPaddr 10.0.0.5`. */
  commandOf(group: number, index: number): string
  /** The resources of the group with this id, as in haresources. */
  wordsOf(id: string): readonly string[]
  /** Asks the peer what its digests stand for; posts `compared`. */
  compare(theirs: Agreement): void
  post(event: ClusterEvent): void
  onExit(isClean: boolean): void
}

export class Effects {
  readonly #context: EffectsContext
  readonly #history = new SentHistory()
  /** Operations under way, by group and attempt. */
  readonly #operations = new Map<string, AbortController>()
  readonly #replies = new Map<number, ControlReply>()
  #load = '0.00 0.00 0.00 1/1 1'
  #loadReadAt = Number.NEGATIVE_INFINITY

  constructor(context: EffectsContext) {
    this.#context = context
  }

  /** The control connection that waits for the answer to request `id`. */
  expectAnswer(id: number, reply: ControlReply): void {
    this.#replies.set(id, reply)
  }

  /** Our own broadcast has come back to us. */
  isOwnEcho(payload: Uint8Array): boolean {
    return this.#history.isNewest(payload)
  }

  perform(effect: ClusterEffect): void {
    const { configuration, logger, memory, sender } = this.#context
    switch (effect.kind) {
      case 'send-status': {
        const status = { sequence: effect.sequence, status: effect.status, deadtimeMs: configuration.cf.deadtimeMs, view: effect.view }
        return this.#sendStatus(statusMessage(sender, status, this.#surroundings()), effect)
      }
      case 'send-fields': {
        const destinationUuid = effect.destinationUuid === null ? {} : { destinationUuid: Buffer.from(effect.destinationUuid, 'hex') }
        const context = { sequence: effect.sequence, surroundings: this.#surroundings(), ...destinationUuid }
        this.#send(withSender(sender, effect.fields, context), effect.sequence)
        return
      }
      case 'resend':
        return this.#resend(effect)
      case 'operate':
        return this.#operate(effect)
      case 'cancel':
        return this.#operations.get(`${effect.group}/${effect.attempt}`)?.abort()
      case 'drop-addresses':
        return this.#dropAddresses(effect.groups)
      case 'announce':
        return this.#announce(effect.group)
      case 'note':
        return logger[effect.level]({}, effect.text)
      case 'progress':
        return this.#replies.get(effect.id)?.progress(effect.text)
      case 'answer':
        return this.#answer(effect)
      case 'remember':
        return memory.keep({
          peerGenerations: effect.peerGeneration === null ? {} : { [this.#context.peerName]: effect.peerGeneration },
          peerSequences: effect.peerGeneration === null ? {} : { [this.#context.peerName]: effect.peerSequence },
          held: effect.held.map(one => ({ ...one, words: this.#context.wordsOf(one.id) }))
        })
      case 'fence':
        return this.#context.safeguards.fence(effect)
      case 'call-off':
        return this.#context.safeguards.callOff(effect.attempt)
      case 'poison':
        return this.#context.safeguards.poison(effect.generation)
      case 'arbiter-want':
        return this.#context.safeguards.want(effect.groups)
      case 'compare':
        return this.#context.compare(effect.theirs)
      case 'exit':
        return this.#context.onExit(effect.isClean)
      default:
        return unreachable(effect)
    }
  }

  /** The status goes over every link, and onto the disk. */
  #sendStatus(message: Message, effect: ClusterEffect & { kind: 'send-status' }): void {
    const payload = this.#send(message, effect.sequence)
    const { sender, safeguards } = this.#context
    safeguards.show(payload, { generation: sender.generation, sequence: effect.sequence, holdMs: effect.view.health.holdMs, isNews: effect.isNews })
    this.#context.feed({ quietMs: effect.quietMs, isNews: effect.isNews })
  }

  #send(message: Message, sequence: number | null): Uint8Array {
    const payload = encodeNetstring(message, this.#context.keys().active, { innerAuth: false })
    if (sequence !== null) this.#history.add(sequence, payload)
    for (const medium of this.#context.media) medium.send(payload)
    return payload
  }

  #resend(effect: ClusterEffect & { kind: 'resend' }): void {
    for (let sequence = effect.first; sequence <= effect.last && sequence < effect.first + resendsMax; sequence += 1) {
      const payload = this.#history.find(sequence)
      if (payload === undefined) {
        const fields = [
          stringField('t', 'NS_nak_rexmit'),
          stringField('firstseq', sequence.toString(16)),
          stringField('dest', effect.to),
          stringField('info', 'seqno not found')
        ]
        this.#send(withSender(this.#context.sender, fields, { sequence: null, surroundings: this.#surroundings() }), null)
      } else for (const medium of this.#context.media) medium.send(payload)
    }
  }

  #operate(effect: ClusterEffect & { kind: 'operate' }): void {
    const { agents, clock, configuration, logger, networkWatch } = this.#context
    const resource = configuration.groups[effect.group]?.resources[effect.index]
    if (resource === undefined) return // the core's indices come from this very configuration
    const level = effect.operation === 'status' ? 'debug' : 'info'
    logger[level]({}, `Running ${this.#context.commandOf(effect.group, effect.index)} ${effect.operation}`)
    const key = `${effect.group}/${effect.attempt}`
    const controller = new AbortController()
    this.#operations.set(key, controller)
    const variables = effect.operation === 'start' && this.#context.isFirstStart(effect.group) ? { HA_PROBE: '1' } : {}
    const request = { resource, operation: effect.operation, timeoutMs: effect.timeoutMs, variables }
    const run = (): Promise<AgentOutcome> => agents.run(request, { signal: controller.signal })
    const repairEnds = networkWatch.began(effect.group, effect.index, effect.operation)
    const ended = (repairEnds === null ? run() : repairEnds.then(run)).then(outcome => {
      this.#operations.delete(key)
      networkWatch.ended(effect.group, effect.index, effect.operation, outcome.kind)
      logger.debug({ kind: outcome.kind, durationMs: Math.round(outcome.durationMs) }, `${resource.word} ${effect.operation} ended`)
      this.#context.post({ kind: 'operated', now: clock.monotonic(), group: effect.group, attempt: effect.attempt, outcome })
    })
    supervise(`${resource.word} ${effect.operation}`, ended)
  }

  #dropAddresses(groups: readonly number[]): void {
    const { agents, configuration, logger, networkWatch, removal } = this.#context
    const addresses = groups.flatMap(index => {
      const group = configuration.groups[index]
      networkWatch.release(index)
      return group === undefined ? [] : addressesOf(group, resource => networkWatch.locate(index, resource))
    })
    // A script in the middle of putting one on would do so after we have looked.
    agents.killStarts(new Set(addresses.map(({ resource }) => resource.word)))
    for (const trouble of dropAddresses(addresses, removal)) logger.error({}, `Address not removed: ${trouble}`)
  }

  #announce(index: number): void {
    const { agents, configuration, logger } = this.#context
    const limit = configuration.cf.statusTimeoutMs
    this.#context.networkWatch.check(index)
    for (const resource of configuration.groups[index]?.resources ?? []) {
      const request = { resource, operation: 'announce', timeoutMs: limit } as const
      const announced = agents.run(request, { signal: new AbortController().signal }).then(outcome => {
        if (outcome.kind !== 'ok') logger.warn({}, `Could not announce ${resource.word}: ${outcome.said.join(' | ')}`)
      })
      supervise(`announcing ${resource.word}`, announced)
    }
  }

  #answer(effect: ClusterEffect & { kind: 'answer' }): void {
    const reply = this.#replies.get(effect.id)
    if (reply === undefined) return
    this.#replies.delete(effect.id)
    if (effect.ok) reply.done({ kind: 'done', note: effect.text })
    else reply.fail(effect.code ?? 'HA_STANDBY_REFUSED', effect.text)
  }

  #surroundings(): Surroundings {
    const now = this.#context.clock.monotonic()
    if (now - this.#loadReadAt >= loadEveryMs) {
      this.#loadReadAt = now
      this.#load = loadAverage()
    }
    return { wallS: Math.floor(this.#context.clock.wall() / 1_000), load: this.#load }
  }
}

/** The first line of /proc/loadavg: memory of the kernel, no disk behind it. */
function loadAverage(): string {
  try {
    return readFileSync('/proc/loadavg', 'latin1').split('\n', 1)[0] ?? 'n/a'
  } catch {
    return 'n/a' // what Linux-HA sends without /proc
  }
}
