/** The showman's end of the client that puts all the time (putter.ts). */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import readline from 'node:readline'
import { asAdministrator, atOnce, monotonicMs } from '../lab/command.js'
import { projectDirectory, type Lab } from '../lab/lab.js'
import { markOf } from '../lab/registry.js'

interface Outage {
  readonly fromMs: number
  readonly toMs: number
}

type Event = ({ readonly kind: 'outage' } & Outage) | { readonly kind: 'answered'; readonly at: number; readonly count: number }

/** Waits for an answer shorter than this are ordinary. */
const thresholdMs = 30
const patienceMs = 20_000

export class Putter {
  readonly #child: ChildProcess
  readonly #outages: Outage[] = []
  #answeredAt = 0
  /** Puts that were answered, as far as told. */
  count = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new Error('the putter has no output')
    readline.createInterface({ input: child.stdout }).on('line', line => {
      const event = JSON.parse(line) as Event
      if (event.kind === 'outage') this.#outages.push(event)
      else {
        this.#answeredAt = event.at
        this.count = event.count
      }
    })
  }

  static start(lab: Lab, mqServer: string, queue: string): Putter {
    const [channel = '', , name = ''] = mqServer.split('/')
    const address = `failover:(tcp://${name.replace('(', ':').replace(')', '')})?initialReconnectDelay=10&maxReconnectDelay=20`
    const words = [...lab.enteringClient(), ...atOnce, process.execPath, path.join(projectDirectory, 'dist/test/demo/putter.js'), address, channel, queue, String(thresholdMs), markOf(lab.name, 'putter')]
    const [file = 'env', ...args] = asAdministrator(words)
    return new Putter(spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  hasAnsweredSince(atMs: number): boolean {
    return this.#answeredAt > atMs
  }

  longestOutageSince(atMs: number): number {
    return Math.max(0, ...this.#outages.filter(outage => outage.toMs > atMs).map(outage => outage.toMs - outage.fromMs))
  }

  /** The longest wait that ended after `atMs`; called when the group runs again, and answered when puts are. */
  async outageAfter(lab: Lab, atMs: number): Promise<number> {
    const runsAgain = monotonicMs()
    await lab.waitFor('the client puts again', () => this.hasAnsweredSince(runsAgain), patienceMs)
    return this.longestOutageSince(atMs)
  }

  /** For when the test is over, however it went. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Ends it; the number of puts that were answered. */
  async stop(): Promise<number> {
    const ended = once(this.#child, 'close')
    this.#child.stdin?.end('end\n')
    // It ends after the put under way; whom nobody answers is killed.
    const limit = setTimeout(() => this.kill(), patienceMs)
    const [code] = (await ended) as [number | null]
    clearTimeout(limit)
    if (code !== 0) throw new Error(`the client that puts ended with ${code ?? 'a signal: its last put was not answered'}`)
    return this.count
  }
}
