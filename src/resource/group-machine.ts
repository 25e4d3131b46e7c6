/**
 * Decides, for one resource group on this node, which script operation comes next, and what its outcome means.
 *
 * A train of wagons: coupled left to right, uncoupled right to left, one hand on it at a time. Whether this node may
 * couple at all is not asked here; the cluster core calls `beginStart` only when it may.
 *
 * Invariants
 *  1. At most one operation of a group is under way; outcomes of older attempts are dropped.
 *  2. `running` is entered only after every resource's start succeeded or its status said running.
 *  3. After a failed start the whole group is stopped; only then it is `failed`, which tells the peer it may have it.
 *  4. A stop that keeps failing ends in `blocked`, never in `stopped`.
 *  5. Every operation has a time limit, and every retry an end.
 *  6. A start goes on to its next resource only while the caller says it may.
 *
 * Not here: who owns the group (placement.ts), how scripts are run (agent/).
 * Source: Linux-HA ResourceManager takegroup and givegroup; we differ in the time limits, in telling the peer about
 * failures, and in blocking where Linux-HA reboots the machine.
 */

import { unreachable } from '../base/invariant.js'
import type { NoteLevel } from '../base/note.js'
import { after, millis, type Instant, type Millis } from '../base/units.js'
import type { GroupStateName } from '../wire/ownership.js'

export interface ResourcePlan {
  /** As written in haresources. */
  readonly word: string
  /** The script with its arguments, for log lines: `/etc/ha.d/resource.d/IPaddr 10.0.0.5`. */
  readonly command: string
  /** Start of a started resource is known to succeed, so `status` need not be asked first. */
  readonly isIdempotent: boolean
}

export interface GroupLimits {
  readonly startTimeoutMs: Millis
  readonly stopTimeoutMs: Millis
  readonly statusTimeoutMs: Millis
  readonly stopRetries: number
  readonly stopRetryDelayMs: Millis
}

export type GroupOperation = 'start' | 'stop' | 'status'
export type OperationResult = 'ok' | 'running' | 'stopped' | 'unknown' | 'failed' | 'timed-out' | 'cancelled' | 'not-installed'

export interface OperationOutcome {
  readonly kind: OperationResult
  readonly exitCode: number | null
  readonly signal: string | null
  readonly said: readonly string[]
}

type Seen = 'running' | 'stopped' | 'unknown'

/** Where the group stands. Each member carries only what is true in it. */
export type GroupRun =
  /** `isVoid`: what was seen so far, and what is being asked now, is of before addresses were taken off. */
  | { readonly kind: 'probing'; readonly index: number; readonly seen: readonly Seen[]; readonly isVoid: boolean }
  | { readonly kind: 'stopped' }
  /** `paused`: the peer turned up holding the group; the next resource waits until it let go. */
  | { readonly kind: 'starting'; readonly index: number; readonly operation: 'status' | 'start' | 'paused' }
  | { readonly kind: 'running' }
  | {
      readonly kind: 'stopping'
      readonly index: number
      readonly tries: number
      /** `cancelling`: an operation that was under way is being ended first; `waiting`: until the next try. */
      readonly doing: 'cancelling' | 'stop' | 'status' | 'waiting'
      readonly retryAt: Instant | null
      readonly then: 'stopped' | 'failed'
      /** The rightmost resource that this node may have started. */
      readonly reached: number
      readonly reason: string
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAt: Instant }
  | { readonly kind: 'blocked'; readonly reason: string }

export interface GroupMachine {
  readonly run: GroupRun
  /** Number of the operation begun last; an outcome with another number is of the past. */
  readonly attempt: number
  /** Failed starts since the last good one; spaces the retries. */
  readonly failures: number
}

export type GroupEffect =
  | { readonly kind: 'operate'; readonly index: number; readonly operation: GroupOperation; readonly attempt: number; readonly timeoutMs: Millis }
  | { readonly kind: 'cancel'; readonly attempt: number }
  | { readonly kind: 'note'; readonly level: NoteLevel; readonly text: string }

export interface GroupStep {
  readonly machine: GroupMachine
  readonly effects: readonly GroupEffect[]
}

/** What never changes about a group, and is needed at every step. */
export interface GroupSetup {
  readonly key: string
  readonly home: string
  readonly resources: readonly ResourcePlan[]
  readonly limits: GroupLimits
}

const failureRetryFirstMs = 5_000
const failureRetryMostMs = 300_000

/** The group's state as the vector shows it; `claimed` is the cluster core's own addition. */
export function stateOf(run: GroupRun): Exclude<GroupStateName, 'claimed'> {
  return run.kind === 'probing' ? 'unknown' : run.kind
}

/** A group nobody has looked at yet: every resource's status is asked, left to right. */
export function beginProbe(setup: GroupSetup): GroupStep {
  return operate(setup, { run: { kind: 'probing', index: 0, seen: [], isVoid: false }, attempt: 0, failures: 0 }, 0, 'status', [])
}

/** Starts the group. The caller holds the right to; the machine must be stopped. */
export function beginStart(setup: GroupSetup, machine: GroupMachine): GroupStep {
  const note = info(`Acquiring resource group: ${setup.home} ${words(setup)}`)
  return startResource(setup, machine, 0, [note])
}

/**
 * Stops the whole group, right to left, whatever it was doing: an operation under way is ended first.
 * `then` is what the group is afterwards; `reason` is why, for the log and the operator.
 */
export function beginStop(setup: GroupSetup, machine: GroupMachine, then: 'stopped' | 'failed', reason: string): GroupStep {
  const { run } = machine
  const last = setup.resources.length - 1
  const reached = run.kind === 'starting' ? run.index : last
  const base = { kind: 'stopping', index: last, tries: 0, retryAt: null, then, reached, reason } as const
  if (run.kind === 'stopping') return { machine, effects: [] }
  const note = info(`Releasing resource group: ${setup.home} ${words(setup)} (${reason})`)
  if (run.kind === 'probing' || (run.kind === 'starting' && run.operation !== 'paused')) {
    return {
      machine: { ...machine, run: { ...base, doing: 'cancelling' } },
      effects: [note, { kind: 'cancel', attempt: machine.attempt }]
    }
  }
  return operate(setup, { ...machine, run: { ...base, doing: 'stop' } }, last, 'stop', [note])
}

/**
 * Takes the outcome of an operation; outcomes of older attempts change nothing. When `mayGoOn` is false a start pauses
 * before its next resource.
 */
export function onOutcome(
  setup: GroupSetup,
  machine: GroupMachine,
  ended: { readonly attempt: number; readonly outcome: OperationOutcome },
  context: { readonly now: Instant; readonly mayGoOn: boolean }
): GroupStep {
  const { run } = machine
  const { attempt, outcome } = ended
  if (attempt !== machine.attempt) return { machine, effects: [] }
  switch (run.kind) {
    case 'probing':
      return onProbed(setup, machine, run, outcome)
    case 'starting':
      return onStarted(setup, machine, run, { outcome, mayGoOn: context.mayGoOn })
    case 'stopping':
      return onStopped(setup, machine, run, outcome, context.now)
    case 'stopped':
    case 'running':
    case 'failed':
    case 'blocked':
      return { machine, effects: [] }
    default:
      return unreachable(run)
  }
}

/** Addresses were taken off behind the scripts' back: a group that is being looked at is looked at from the beginning. */
export function voidProbe(machine: GroupMachine): GroupMachine {
  return machine.run.kind === 'probing' ? { ...machine, run: { ...machine.run, isVoid: true } } : machine
}

/** Goes on with a paused start; changes nothing otherwise. */
export function resume(setup: GroupSetup, machine: GroupMachine): GroupStep {
  const { run } = machine
  if (run.kind !== 'starting' || run.operation !== 'paused') return { machine, effects: [] }
  return startResource(setup, machine, run.index, [])
}

/** Begins what has come due: the next try of a failed stop. */
export function onTime(setup: GroupSetup, machine: GroupMachine, now: Instant): GroupStep {
  const { run } = machine
  if (run.kind !== 'stopping' || run.retryAt === null || now < run.retryAt) return { machine, effects: [] }
  const note: GroupEffect = { kind: 'note', level: 'info', text: `Retrying failed stop operation [${wordAt(setup, run.index)}]` }
  return operate(setup, { ...machine, run: { ...run, doing: 'stop', retryAt: null } }, run.index, 'stop', [note])
}

/** When `onTime` has something to do, or null. */
export function deadlineOf(machine: GroupMachine): Instant | null {
  return machine.run.kind === 'stopping' ? machine.run.retryAt : null
}

/** Forgets a failure: the next decision may start the group here again. */
export function clearFailure(machine: GroupMachine): GroupMachine {
  return machine.run.kind === 'failed' ? { ...machine, run: { kind: 'stopped' } } : machine
}

function onProbed(setup: GroupSetup, machine: GroupMachine, run: GroupRun & { kind: 'probing' }, outcome: OperationOutcome): GroupStep {
  const seen = run.isVoid ? [] : [...run.seen, seenBy(outcome)]
  const next = seen.length
  if (next < setup.resources.length) {
    return operate(setup, { ...machine, run: { kind: 'probing', index: next, seen, isVoid: false } }, next, 'status', [])
  }
  if (seen.every(one => one === 'stopped')) return { machine: { ...machine, run: { kind: 'stopped' } }, effects: [] }
  if (seen.every(one => one === 'running')) {
    return {
      machine: { ...machine, run: { kind: 'running' } },
      effects: [info(`Resource group ${setup.key} found running on this node: adopted, nothing is restarted`)]
    }
  }
  const found = setup.resources.map((resource, index) => `${resource.word} ${seen[index] ?? 'unknown'}`).join(', ')
  return beginStop(setup, { ...machine, run: { kind: 'running' } }, 'stopped', `found running in part: ${found}`)
}

/** A missing script cannot have started anything; an ended or hanging status proves nothing. */
function seenBy(outcome: OperationOutcome): Seen {
  if (outcome.kind === 'running') return 'running'
  return outcome.kind === 'stopped' || outcome.kind === 'not-installed' ? 'stopped' : 'unknown'
}

function onStarted(
  setup: GroupSetup,
  machine: GroupMachine,
  run: GroupRun & { kind: 'starting' },
  ended: { readonly outcome: OperationOutcome; readonly mayGoOn: boolean }
): GroupStep {
  const { outcome } = ended
  if (run.operation === 'paused') return { machine, effects: [] } // nothing is under way: told before
  if (run.operation === 'status' && outcome.kind !== 'running') {
    if (!ended.mayGoOn) return pauseAt(setup, machine, run, run.index)
    // Anything but "running" means start, as in Linux-HA: start is idempotent, or says by itself why it cannot.
    return operate(setup, { ...machine, run: { ...run, operation: 'start' } }, run.index, 'start', [])
  }
  if (run.operation === 'start' && outcome.kind !== 'ok') {
    const why = `${setup.resources[run.index]?.command ?? ''} start ${describeOutcome(outcome, setup.limits.startTimeoutMs)}`
    const stop = beginStop(setup, { ...machine, failures: machine.failures + 1, run: { kind: 'running' } }, 'failed', why)
    return {
      machine: stop.machine,
      effects: [
        { kind: 'note', level: 'error', text: why },
        { kind: 'note', level: 'crit', text: `Giving up resources due to failure of ${wordAt(setup, run.index)}` },
        ...stop.effects
      ]
    }
  }
  const next = run.index + 1
  if (next < setup.resources.length) {
    return ended.mayGoOn ? startResource(setup, machine, next, []) : pauseAt(setup, machine, run, next)
  }
  return {
    machine: { ...machine, failures: 0, run: { kind: 'running' } },
    effects: [info(`Resource group ${setup.key} is running on this node`)]
  }
}

function pauseAt(setup: GroupSetup, machine: GroupMachine, run: GroupRun & { kind: 'starting' }, index: number): GroupStep {
  const note = info(`Resource group ${setup.key}: the other node still holds it; ${wordAt(setup, index)} waits until it let go`)
  return { machine: { ...machine, run: { ...run, index, operation: 'paused' } }, effects: [note] }
}

function startResource(setup: GroupSetup, machine: GroupMachine, index: number, notes: readonly GroupEffect[]): GroupStep {
  const operation = setup.resources[index]?.isIdempotent === true ? 'start' : 'status'
  return operate(setup, { ...machine, run: { kind: 'starting', index, operation } }, index, operation, notes)
}

function onStopped(
  setup: GroupSetup,
  machine: GroupMachine,
  run: GroupRun & { kind: 'stopping' },
  outcome: OperationOutcome,
  now: Instant
): GroupStep {
  if (run.doing === 'waiting') return { machine, effects: [] } // nothing is under way: told before
  if (run.doing === 'cancelling') return operate(setup, { ...machine, run: { ...run, doing: 'stop' } }, run.index, 'stop', [])
  const command = setup.resources[run.index]?.command ?? ''
  if (run.doing === 'stop') {
    if (outcome.kind === 'ok') return stopNext(setup, machine, run, now, [])
    // A missing script cannot have started what the start never came to, nor what it failed at.
    if (outcome.kind === 'not-installed' && (run.then === 'failed' || run.index > run.reached)) return stopNext(setup, machine, run, now, [])
    const failed: GroupEffect = {
      kind: 'note',
      level: 'error',
      text: `${command} stop ${describeOutcome(outcome, setup.limits.stopTimeoutMs)}`
    }
    const tries = run.tries + 1
    if (tries <= setup.limits.stopRetries) {
      const retryAt = after(now, setup.limits.stopRetryDelayMs)
      return { machine: { ...machine, run: { ...run, doing: 'waiting', tries, retryAt } }, effects: [failed] }
    }
    return operate(setup, { ...machine, run: { ...run, doing: 'status', tries } }, run.index, 'status', [failed])
  }
  // Out of retries: the script's own status has the last word.
  if (outcome.kind === 'stopped') {
    const note: GroupEffect = {
      kind: 'note',
      level: 'warn',
      text: `${command} says it is stopped although its stop failed; it MUST succeed on a stop when already stopped`
    }
    return stopNext(setup, machine, run, now, [note])
  }
  const reason = `${command} stop did not succeed in ${run.tries} tries and the resource may still run here`
  return {
    machine: { ...machine, run: { kind: 'blocked', reason } },
    effects: [
      {
        kind: 'note',
        level: 'crit',
        text:
          `Resource STOP failure. Resource group ${setup.key} is BLOCKED: ${reason}. It will not be started on the other node ` +
          `by itself. Stop it by hand, then say: heartbeat cleanup ${setup.key}`
      }
    ]
  }
}

function stopNext(
  setup: GroupSetup,
  machine: GroupMachine,
  run: GroupRun & { kind: 'stopping' },
  now: Instant,
  notes: readonly GroupEffect[]
): GroupStep {
  const index = run.index - 1
  if (index >= 0) return operate(setup, { ...machine, run: { ...run, index, tries: 0, doing: 'stop' } }, index, 'stop', notes)
  const ended: GroupRun =
    run.then === 'stopped'
      ? { kind: 'stopped' }
      : { kind: 'failed', reason: run.reason, retryAt: after(now, failureRetry(machine.failures)) }
  return { machine: { ...machine, run: ended }, effects: [...notes, info(`Resource group ${setup.key} is released on this node`)] }
}

/** 5 s, then twice as long after each further failure, at most 5 minutes. */
function failureRetry(failures: number): Millis {
  return millis(Math.min(failureRetryMostMs, failureRetryFirstMs * 2 ** Math.min(16, Math.max(0, failures - 1))))
}

function operate(
  setup: GroupSetup,
  machine: GroupMachine,
  index: number,
  operation: GroupOperation,
  notes: readonly GroupEffect[]
): GroupStep {
  const attempt = machine.attempt + 1
  const { limits } = setup
  const timeoutMs =
    operation === 'start' ? limits.startTimeoutMs : operation === 'stop' ? limits.stopTimeoutMs : limits.statusTimeoutMs
  return { machine: { ...machine, attempt }, effects: [...notes, { kind: 'operate', index, operation, attempt, timeoutMs }] }
}

/** `ended with exit code 1: mount: /dev/sdb1 is busy`, for the log and the operator. */
export function describeOutcome(outcome: OperationOutcome, limit: Millis): string {
  const said = outcome.said.length === 0 ? '' : `: ${outcome.said.slice(-3).join(' | ')}`
  if (outcome.kind === 'timed-out') return `did not end within ${limit} ms and was ended${said}`
  if (outcome.kind === 'not-installed') return 'cannot run: Cannot locate resource script'
  if (outcome.kind === 'cancelled') return `was cancelled${said}`
  if (outcome.signal !== null) return `was ended by ${outcome.signal}${said}`
  return `failed: Return code ${outcome.exitCode ?? 'unknown'}${said}`
}

const info = (text: string): GroupEffect => ({ kind: 'note', level: 'info', text })
const words = (setup: GroupSetup): string => setup.resources.map(resource => resource.word).join(' ')
const wordAt = (setup: GroupSetup, index: number): string => setup.resources[index]?.word ?? ''
