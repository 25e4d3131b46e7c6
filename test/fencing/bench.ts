/** A node ha1 that has to switch off ha2, with the devices that lines of ha.cf name; machines are files in a test folder. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { millis } from '../../src/base/units.js'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { parseHaCf } from '../../src/config/ha-cf.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import { agentFolders, createFencing, type ConfirmableFencing, type FencingOptions } from '../../src/fencing/fencing.js'
import type { FencingOutcome, FencingProof } from '../../src/port/fencing.js'

export const agentFolder = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'test/fencing/fence_test'))) folder = dirname(folder)
  return join(folder, 'test/fencing')
})()

export interface Machine {
  readonly path: string
  power(): string
  /** `off ha2`, `status ha2`, ... in the order of the calls. */
  calls(): readonly string[]
}

export interface Bench {
  readonly fencing: ConfirmableFencing
  readonly folder: string
  machine(name: string): Machine
  fence(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<FencingOutcome>
  prove(options?: { readonly timeoutMs?: number }): Promise<FencingProof>
  /** Resolves with what is said when the machine has been switched on again. */
  readonly restored: Promise<readonly string[]>
}

/**
 * `lines` are of ha.cf; `@NAME` in them stands for the path of a machine, which is on at first. Off is off here unless a
 * line says `fence_action reset`; such a test awaits `restored`.
 */
export function bench(test: Test, lines: readonly string[], options: Partial<FencingOptions> = {}): Bench {
  const folder = test.testdir({ run: {} })
  const machine = (name: string): Machine => {
    const path = join(folder, name)
    return {
      path,
      power: () => readFileSync(path, 'utf8').trim(),
      calls: () => (existsSync(`${path}.calls`) ? readFileSync(`${path}.calls`, 'utf8').split('\n').slice(0, -1) : [])
    }
  }
  const text = lines.map(line => line.replace(/@(\w+)/g, (_match, name: string) => {
    writeFileSync(machine(name).path, 'on\n')
    return machine(name).path
  }))
  const { cf, diagnostics } = parseHaCf({ file: 'ha.cf', text: ['node ha1 ha2', 'bcast eth0', 'bcast eth1', ...text, ...(lines.some(line => line.startsWith('fence_action')) ? [] : ['fence_action off']), ''].join('\n') }, { nodeName: 'ha1' })
  if (cf?.fencing === null || cf === null) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  let onRestored = (_said: readonly string[]): void => undefined
  const restored = new Promise<readonly string[]>(resolve => (onRestored = resolve))
  const fencing = createFencing(cf.fencing, {
    clock: systemClock, self: 'ha1', runDir: join(folder, 'run'), agentFolders: [agentFolder, ...agentFolders], graceMs: millis(100), verifyMs: millis(1500),
    retryPauseMs: millis(20), onRestored: (_victim, said) => onRestored(said), ...options
  })
  test.teardown(() => fencing.close())
  return {
    fencing, folder, machine, restored,
    fence: ({ timeoutMs = 20_000, signal = new AbortController().signal } = {}) => fencing.fence('ha2', { timeoutMs: millis(timeoutMs), signal }),
    prove: ({ timeoutMs = 20_000 } = {}) => fencing.test('ha2', { timeoutMs: millis(timeoutMs), signal: new AbortController().signal })
  }
}

/** Waits until `condition` holds; throws after ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const startedAt = systemClock.monotonic()
  while (!condition()) {
    if (systemClock.monotonic() - startedAt > 10_000) throw new Error(`it never came: ${what}`)
    await new Promise<void>(resolve => systemClock.schedule(millis(10), resolve))
  }
}

/** What is said of an outcome or a proof, on one line. */
export const wordsOf = (word: FencingOutcome | FencingProof): string => (word.kind === 'fenced' ? word.device : word.said.join(' | '))
