/**
 * Speaks to a fence agent (`fence_ipmilan` and its hundred siblings): NAME=VALUE lines on its stdin, one action a call.
 *
 * An agent should verify before it says that something is off, but some controllers say so before it is true. So `off`
 * is believed only together with `status`, which must answer 2 (off). Exit status 2 also means "bad arguments" in some
 * agents, hence never alone. A few agents have no `status` (fence_kdump, fence_ovh), one has only `reboot`
 * (fence_rcd_serial): their metadata says so, is read only when needed, and the outcome says that it is unverified.
 *
 * Source: the agents' API of Debian's fence-agents 4.12 (stdin protocol, exit statuses), read and tried.
 */

import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { pause } from '../agent/process-family.js'
import { after, elapsed, millis, type Millis } from '../base/units.js'
import type { FencingDevice } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import type { ChildResult, Children } from './child.js'
import type { Device, DeviceWord, Effort } from './device.js'
import { describeDevice, scrubber, toldBy } from './parameters.js'

export interface FenceAgentOptions {
  readonly clock: Clock
  readonly children: Children
  readonly agentFolders: readonly string[]
  /** How long a power off may take to show in the status after the agent reported it. */
  readonly verifyMs: Millis
  /** Whether the node is heard now: a device that calls such a node off is watching another plug. */
  readonly isHeard: (node: string) => boolean
}

type Action = 'off' | 'on' | 'reboot' | 'status' | 'monitor' | 'metadata'

const verifyPauseMs = [100, 250, 500, 1000]

/** The whole path of an agent that can be executed, or null. */
export function locateAgent(type: string, folders: readonly string[]): string | null {
  for (const path of type.startsWith('/') ? [type] : folders.map(folder => join(folder, type))) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch (error) {
      // ENOENT, EACCES, ENOTDIR: not here, or not for us; the next folder.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error
    }
  }
  return null
}

export function createFenceAgent(device: FencingDevice, options: FenceAgentOptions): Device {
  const { clock, children } = options

  async function call(action: Action, victim: string, effort: Effort): Promise<ChildResult & { readonly isFinal: boolean }> {
    const path = locateAgent(device.type, options.agentFolders)
    if (path === null) return { ending: 'not-started', exitCode: null, text: '', said: 'no such program is installed', isFinal: true }
    try {
      const told = await toldBy(device)
      const lines = [...told.named.filter(([name]) => !ours.has(name)).map(([name, value]) => `${name}=${value}`), `nodename=${victim}`, `action=${action}`]
      const result = await children.run({ path, args: [], input: `${lines.join('\n')}\n`, until: effort.until, signal: effort.signal, scrub: scrubber(told.secrets, [victim]) })
      return { ...result, isFinal: false }
    } catch (error) {
      return { ending: 'not-started', exitCode: null, text: '', said: error instanceof Error ? error.message : String(error), isFinal: true }
    }
  }

  let known: ReadonlySet<string> | null = null

  /** The actions of its metadata; null when it has none that we understand. */
  async function actions(victim: string, effort: Effort): Promise<ReadonlySet<string> | null> {
    if (known !== null) return known
    const metadata = await call('metadata', victim, effort)
    const names = [...metadata.text.matchAll(/<action\b[^>]*\bname="([a-z-]+)"/g)].map(match => match[1] ?? '')
    if (has(metadata, 0) && names.length > 0) known = new Set(names)
    return known
  }

  const lacks = async (action: Action, victim: string, effort: Effort): Promise<boolean> => (await actions(victim, effort))?.has(action) === false

  const has = (result: ChildResult, ...statuses: number[]): boolean => result.exitCode !== null && statuses.includes(result.exitCode)

  async function off(victim: string, effort: Effort): Promise<DeviceWord> {
    const switched = await call('off', victim, effort)
    if (!has(switched, 0)) {
      if (switched.ending === 'exited' && (await lacks('off', victim, effort)) && !(await lacks('reboot', victim, effort))) return reboot(victim, effort)
      const failed = { ok: false, said: `off failed, ${switched.said}`, isFinal: switched.isFinal }
      if (switched.ending !== 'exited' || effort.signal.aborted) return failed
      const status = await call('status', victim, effort)
      const isOff = has(status, 2) && /\bstatus:?\s*off\b/i.test(status.text)
      return isOff ? { ok: true, said: 'off, verified by its status (although its own off reported an error)' } : failed
    }
    const until = after(clock.monotonic(), millis(Math.min(options.verifyMs, Math.max(0, elapsed(clock.monotonic(), effort.until)))))
    let last = 'was not asked in time'
    for (let turn = 0; !effort.signal.aborted; turn += 1) {
      const status = await call('status', victim, { until, signal: effort.signal })
      if (has(status, 2)) return { ok: true, said: 'off, verified by its status' }
      if (turn === 0 && !has(status, 0) && (await lacks('status', victim, effort))) return { ok: true, said: 'off, as it reports; it has no status to verify it' }
      if (status.ending === 'exited') last = has(status, 0) ? 'still says on' : `is unknown (${status.said})`
      else if (turn === 0) last = `is unknown (${status.said})`
      const pauseMs = verifyPauseMs[Math.min(turn, verifyPauseMs.length - 1)] ?? 1000
      if (elapsed(clock.monotonic(), until) <= pauseMs) break
      await pause(clock, millis(pauseMs))
    }
    return { ok: false, said: `it reported success, but its status ${last}` }
  }

  async function reboot(victim: string, effort: Effort): Promise<DeviceWord> {
    const done = await call('reboot', victim, effort)
    return has(done, 0) ? { ok: true, said: 'reset, as it reports; it knows no other way' } : { ok: false, said: `reboot failed, ${done.said}` }
  }

  async function on(victim: string, effort: Effort): Promise<DeviceWord> {
    if (await lacks('on', victim, effort)) return { ok: true, said: 'it does not switch on' }
    // Only what switches power can reboot: access to a disk or a port is given back by the node itself.
    if (await lacks('reboot', victim, effort)) return { ok: true, said: 'it cuts off access and not power, so it stays off until the node itself comes back' }
    const switched = await call('on', victim, effort)
    return has(switched, 0) ? { ok: true, said: 'on again' } : { ok: false, said: `on failed, ${switched.said}` }
  }

  async function test(victim: string, effort: Effort): Promise<DeviceWord> {
    const monitor = await call('monitor', victim, effort)
    if (!has(monitor, 0)) return { ok: false, said: `monitor failed, ${monitor.said}`, isFinal: monitor.isFinal }
    if (await lacks('status', victim, effort)) return { ok: true, said: 'answers; it has no status' }
    const status = await call('status', victim, effort)
    if (has(status, 0)) return { ok: true, said: `answers: ${victim} is on` }
    if (!has(status, 2)) return { ok: false, said: `status of ${victim} failed, ${status.said}` }
    if (options.isHeard(victim)) return { ok: false, said: `says that ${victim} is off, but ${victim} is heard: it is watching another plug or machine` }
    return { ok: true, said: `answers: ${victim} is off` }
  }

  return { description: describeDevice(device), isOperator: false, isCondition: conditionAgents.test(device.type), off, reset: null, on, test }
}

/** Agents that switch nothing: their success only allows the others of their level to act. */
const conditionAgents = /(?:^|\/)fence_heuristics_/

/** What the file of `stonith TYPE FILE` may not decide. */
const ours: ReadonlySet<string> = new Set(['action', 'option', 'nodename'])
