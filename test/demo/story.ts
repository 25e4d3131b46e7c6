/** Tells the demonstration on screen: what the showman does, and what both daemons log, as it happens. */

import { monotonicMs } from '../lab/command.js'
import type { Lab } from '../lab/lab.js'
import type { NodeName } from '../lab/node.js'

const pollMs = 25
const isTerminal = process.stdout.isTTY
const colours = { n1: '36', n2: '33', client: '35', act: '1', problem: '31', quiet: '2' } as const
type Colour = keyof typeof colours

function paint(colour: Colour, text: string): string {
  return isTerminal ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text
}

export class Story {
  readonly #began = monotonicMs()
  readonly #shown: Record<NodeName, number> = { n1: 0, n2: 0 }
  #timer: NodeJS.Timeout | null = null
  #lab: Lab | null = null

  /** Shows both logs from now on. */
  follow(lab: Lab): void {
    this.#lab = lab
    this.#timer = setInterval(() => this.#showNewLines(), pollMs)
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#showNewLines()
    this.#lab = null
  }

  act(text: string): void {
    this.#showNewLines()
    console.log(`\n${paint('act', `== ${text}`)}`)
  }

  client(text: string): void {
    this.#line('client', text)
  }

  problem(text: string): void {
    console.log(paint('problem', text))
  }

  quiet(text: string): void {
    console.log(paint('quiet', text))
  }

  #showNewLines(): void {
    if (this.#lab === null) return
    for (const node of this.#lab.nodes) {
      const log = node.readLog()
      const upTo = log.lastIndexOf('\n') + 1
      const fresh = log.slice(this.#shown[node.name], upTo)
      this.#shown[node.name] = upTo
      for (const line of fresh.split('\n')) {
        // `Mon DD HH:MM:SS host heartbeat: [PID]: LEVEL: text`: the story has its own clock and names.
        const text = line.replace(/^.*?heartbeat: \[\d+\]: /, '').trim()
        if (text !== '' && !/^\w+: \**$/.test(text)) this.#line(node.name, text)
      }
    }
  }

  #line(who: NodeName | 'client', text: string): void {
    const seconds = ((monotonicMs() - this.#began) / 1000).toFixed(2).padStart(6)
    console.log(`${paint('quiet', seconds)} ${paint(who, who.padEnd(6))} ${text}`)
  }
}
