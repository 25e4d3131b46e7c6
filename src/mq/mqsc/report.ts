/**
 * What runmqsc prints: banner, echoes with their numbers, answers, and three lines of counting at the end.
 *
 * Pure: lines come back to be printed. Source: queue manager reference 3.3 and 1.7.
 */

import { faultLines } from './fault.js'
import type { SyntaxFault } from './fault.js'
import type { ReadItem } from './lines.js'
import { messageLine } from './messages.js'
import type { MessageId } from './messages.js'
import type { CommandResult } from './result.js'

export const runmqscExit = { done: 0, failed: 10, notRun: 20 } as const

/** What the report needs of a result; what comes over a connection has no `end`. */
export type ReportedResult = Pick<CommandResult, 'outcome' | 'lines'>

export class ReportWriter {
  readonly #banner: string
  readonly #isEchoing: boolean
  #read = 0
  #withSyntaxError = 0
  #failed = 0
  #isNotRun = false

  /** `banner` is the product line; `isEchoing` false with `-e`. */
  constructor(options: { readonly banner: string; readonly isEchoing?: boolean }) {
    this.#banner = options.banner
    this.#isEchoing = options.isEchoing ?? true
  }

  /** First lines of a run. */
  start(queueManager: string): string[] {
    return [this.#banner, `Starting MQSC for queue manager ${queueManager}.`, '', '']
  }

  /** Instead of `start` when nothing can be run: the message, an empty line; then `finish`. */
  refuse(id: MessageId, ...inserts: readonly (string | number)[]): string[] {
    this.#isNotRun = true
    return [this.#banner, messageLine(id, ...inserts), '']
  }

  /** The connection is lost in the middle of a run; what was not answered counts as not processed. */
  interrupt(id: MessageId, ...inserts: readonly (string | number)[]): string[] {
    this.#isNotRun = true
    return [messageLine(id, ...inserts)]
  }

  /** `     1 : DISPLAY QMGR`, or `       : ` for lines that begin no command. */
  echo(item: Extract<ReadItem, { kind: 'echo' }>): string[] {
    if (!this.#isEchoing) return []
    return [`${item.number === null ? '      ' : String(item.number).padStart(6)} : ${item.text}`]
  }

  /** A command the reader could not make out. */
  fault(fault: SyntaxFault): string[] {
    return this.result({ outcome: 'syntax', lines: faultLines(fault) })
  }

  result({ outcome, lines }: ReportedResult): string[] {
    this.#read += 1
    if (outcome === 'syntax') this.#withSyntaxError += 1
    if (outcome === 'failed') this.#failed += 1
    return [...lines]
  }

  /** `-v`: a command that is in order was only looked at. */
  verified(fault: SyntaxFault | null): string[] {
    return fault === null ? this.result({ outcome: 'done', lines: [] }) : this.fault(fault)
  }

  finish(): string[] {
    if (this.#read === 0) return ['No MQSC commands read.']
    return [
      this.#read === 1 ? 'One MQSC command read.' : `${this.#read} MQSC commands read.`,
      `${counted(this.#withSyntaxError, 'No commands have', 'One command has', 'commands have')} a syntax error.`,
      this.#failed === 0
        ? 'All valid MQSC commands were processed.'
        : `${counted(this.#failed, '', 'One valid MQSC command', 'valid MQSC commands')} could not be processed.`
    ]
  }

  /** 0 all is well, 10 a command failed or was not understood, 20 nothing could be run. */
  get exitCode(): 0 | 10 | 20 {
    if (this.#isNotRun) return runmqscExit.notRun
    return this.#withSyntaxError + this.#failed > 0 ? runmqscExit.failed : runmqscExit.done
  }
}

const counted = (count: number, none: string, one: string, many: string): string => (count === 0 ? none : count === 1 ? one : `${count} ${many}`)
