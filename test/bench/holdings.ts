/**
 * Who held an address, and when: the kernel's own announcements of both nodes, `ip monitor address` in each network
 * namespace, run from outside of the nodes so that a frozen node is seen, too. Nothing is sampled: a double ownership of
 * a millisecond shows as well as one of a second.
 *
 * The moments are those at which `ip` took the announcement, at a priority above the daemons'; CLOCK_MONOTONIC ms.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import readline from 'node:readline'
import { asAdministrator, atOnce, basicEnvironment, command, monotonicMs } from '../lab/command.js'
import type { Lab } from '../lab/lab.js'
import type { LabNode, NodeName } from '../lab/node.js'

/** The holders from a moment on, until the next span begins. */
export interface Span {
  readonly fromMs: number
  readonly holders: readonly NodeName[]
}

/** Seen when the monitor listens; it is nobody's. */
const marker = '127.0.0.77'
const listenLimitMs = 5_000

export class Holdings {
  readonly #lab: Lab
  readonly #address: string
  readonly #toMonotonic = wallToMonotonic()
  readonly #monitors: ChildProcess[] = []
  readonly #marked = new Set<NodeName>()
  readonly #spans: Span[] = []

  private constructor(lab: Lab, address: string) {
    this.#lab = lab
    this.#address = address
  }

  /** Watches both nodes, which must be on, until `stop`. A node that is switched on again has another namespace: watch anew. */
  static async of(lab: Lab, address: string): Promise<Holdings> {
    const holdings = new Holdings(lab, address)
    for (const node of lab.nodes) holdings.#watch(node)
    for (const node of lab.nodes) await holdings.#listening(node)
    const now = await lab.holdersOf(address)
    // What was announced before this look is in it; only what is announced later counts.
    holdings.#spans.splice(0, holdings.#spans.length, { fromMs: monotonicMs(), holders: now })
    return holdings
  }

  get spans(): readonly Span[] {
    return this.#spans
  }

  get holders(): readonly NodeName[] {
    return this.#spans.at(-1)?.holders ?? []
  }

  /** Waits until exactly one node has held the address for so long; returns since when, in ms. */
  async settled(calmMs: number, deadlineMs: number): Promise<number> {
    return this.#lab.waitFor(
      'exactly one holder, and that for a while',
      () => {
        const last = this.#spans.at(-1)
        return last !== undefined && last.holders.length === 1 && monotonicMs() - last.fromMs > calmMs && last.fromMs
      },
      deadlineMs
    )
  }

  async stop(): Promise<void> {
    for (const monitor of this.#monitors) {
      if (monitor.exitCode !== null || monitor.signalCode !== null) continue
      const ended = once(monitor, 'exit')
      monitor.kill('SIGTERM')
      await ended
    }
  }

  #watch(node: LabNode): void {
    const [file = '', ...args] = asAdministrator([...atOnce, 'ip', '-n', node.namespace, '-oneline', '-tshort', 'monitor', 'address'])
    const monitor = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...basicEnvironment, TZ: 'UTC' } })
    this.#monitors.push(monitor)
    readline.createInterface({ input: monitor.stdout }).on('line', line => this.#onLine(node.name, line))
  }

  /** `[2026-11-21T13:17:07.452715] Deleted 2: eth0    inet 10.77.0.100/24 …` */
  #onLine(node: NodeName, line: string): void {
    const found = /^\[(\S+?)(\d{3})\] (Deleted )?.*\binet ([\d.]+)\//.exec(line)
    if (found === null) return
    const [, wall = '', micros = '0', deleted, address] = found
    if (address === marker) this.#marked.add(node)
    if (address !== this.#address) return
    const atMs = this.#toMonotonic(Date.parse(`${wall}Z`) + Number(micros) / 1_000)
    const before = this.holders
    if (before.includes(node) === (deleted === undefined)) return // the same address announced again
    const holders = deleted === undefined ? [...before, node].sort() : before.filter(name => name !== node)
    // Two monitors: their lines may arrive in another order than they were written.
    this.#spans.push({ fromMs: Math.max(atMs, this.#spans.at(-1)?.fromMs ?? 0), holders })
  }

  async #listening(node: LabNode): Promise<void> {
    await this.#lab.waitFor(
      `the monitor of ${node.name} to listen`,
      async () => {
        for (const word of ['add', 'delete']) await command(['ip', '-n', node.namespace, 'address', word, `${marker}/32`, 'dev', 'lo'])
        return this.#marked.has(node.name)
      },
      listenLimitMs
    )
  }
}

/** Time in all during which exactly so many nodes held the address, in ms. */
export function heldBy(count: number, spans: readonly Span[], fromMs: number, toMs: number): number {
  return lengths(count, spans, fromMs, toMs).reduce((sum, length) => sum + length, 0)
}

/** The longest time in one piece during which exactly so many nodes held the address, in ms. */
export function longestHeldBy(count: number, spans: readonly Span[], fromMs: number, toMs: number): number {
  return Math.max(0, ...lengths(count, spans, fromMs, toMs))
}

function lengths(count: number, spans: readonly Span[], fromMs: number, toMs: number): readonly number[] {
  const pieces: number[] = []
  let endsAt = -Infinity
  for (const [index, span] of spans.entries()) {
    const from = Math.max(span.fromMs, fromMs)
    const to = Math.min(spans[index + 1]?.fromMs ?? Infinity, toMs)
    if (span.holders.length !== count || to <= from) continue
    // A change of the one holder into the other is no end of being held by one.
    if (from === endsAt) pieces.push((pieces.pop() ?? 0) + to - from)
    else pieces.push(to - from)
    endsAt = to
  }
  return pieces
}

/** The wall clock's and the monotonic clock's difference as it is now, to some microseconds. */
export function wallToMonotonic(): (wallMs: number) => number {
  const began = Date.now()
  let wall = began
  while (wall === began) wall = Date.now() // a millisecond at most, for its first moment
  const difference = monotonicMs() - wall
  return wallMs => wallMs + difference
}
