/**
 * Speaks to cluster-glue's `stonith`, which Linux-HA's own devices come with.
 *
 * Its plug-ins have no power status: what they report cannot be asked again, and the answer says so. Some report success
 * for hosts they do not know (`null` does), so the list of hosts is asked first and must have the victim.
 *
 * Source: cluster-glue 1.0.12, stonith(8) and its exit statuses, tried. `-E` takes named parameters from the environment
 * and `-F` values by position from a file; `-p` and NAME=VALUE arguments would show passwords to every user.
 */

import type { FencingDevice } from '../config/types.js'
import type { ChildResult, Children } from './child.js'
import type { Device, DeviceWord, Effort } from './device.js'
import { describeDevice, scrubber, toldBy } from './parameters.js'

export interface ClusterGlueOptions {
  readonly children: Children
  /** `/usr/sbin/stonith`. */
  readonly program: string
}

/** The plug-in interface's own results, which `stonith` exits with. */
const meanings: readonly string[] = [
  'ok', 'its parameters are wrong', 'the device cannot be reached', 'the device does not know this request', 'the device does not know this host',
  'the reset failed', 'it took too long', 'the host is off already, and cannot be reset', 'something unexpected happened (a wrong type, or wrong parameters)'
]

export function createClusterGlue(device: FencingDevice, options: ClusterGlueOptions): Device {
  async function call(request: readonly string[], victim: string, effort: Effort): Promise<ChildResult & { readonly isFinal: boolean }> {
    try {
      const told = await toldBy(device)
      const parameters = device.parameters.kind === 'file' ? ['-F', device.parameters.path] : told.text === null ? ['-E'] : ['-F', '/dev/stdin']
      const result = await options.children.run({
        path: options.program,
        args: ['-t', device.type, ...parameters, ...request],
        environment: Object.fromEntries(told.named),
        ...(device.parameters.kind === 'positional' ? { input: `${told.text ?? ''}\n` } : {}),
        until: effort.until,
        signal: effort.signal,
        scrub: scrubber(told.secrets, [victim])
      })
      const isMissing = result.ending === 'not-started' && result.said.includes('ENOENT')
      const meaning = result.exitCode === null || result.exitCode === 0 ? null : meanings[result.exitCode]
      return { ...result, said: isMissing ? `${options.program} is not installed` : [...(meaning === null || meaning === undefined ? [] : [meaning]), result.said].join(', '), isFinal: isMissing }
    } catch (error) {
      return { ending: 'not-started', exitCode: null, text: '', said: error instanceof Error ? error.message : String(error), isFinal: true }
    }
  }

  /** null when the device has the victim on its list. */
  async function whyNotListed(victim: string, effort: Effort): Promise<DeviceWord | null> {
    const list = await call(['-l'], victim, effort)
    if (list.exitCode !== 0) return { ok: false, said: `it did not list its hosts: ${list.said}`, isFinal: list.isFinal }
    const hosts = list.text.toLowerCase().split(/\s+/)
    return hosts.includes(victim) ? null : { ok: false, said: `${victim} is not among its hosts`, isFinal: true, isForOthers: true }
  }

  async function request(what: 'off' | 'on' | 'reset', victim: string, effort: Effort): Promise<DeviceWord> {
    const refusal = await whyNotListed(victim, effort)
    if (refusal !== null) return refusal
    const done = await call(['-T', what, victim], victim, effort)
    if (done.exitCode !== 0) return { ok: false, said: `${what} failed, ${done.said}`, isFinal: done.isFinal }
    return { ok: true, said: `${what === 'reset' ? 'reset' : what}, as it reports; cluster-glue cannot verify it` }
  }

  async function test(victim: string, effort: Effort): Promise<DeviceWord> {
    const status = await call(['-S'], victim, effort)
    if (status.exitCode !== 0) return { ok: false, said: `status failed, ${status.said}`, isFinal: status.isFinal }
    return (await whyNotListed(victim, effort)) ?? { ok: true, said: `answers, and has ${victim} among its hosts` }
  }

  return {
    description: describeDevice(device),
    isOperator: false,
    isCondition: false,
    off: (victim, effort) => request('off', victim, effort),
    reset: (victim, effort) => request('reset', victim, effort),
    on: (victim, effort) => request('on', victim, effort),
    test
  }
}
