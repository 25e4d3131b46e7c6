/**
 * Collects findings while a parser goes on reading, so that one run shows every fault of every file.
 *
 * The three parts of a finding are separate on purpose: `what` is wrong here, `why` it matters, how to `fix` it. A
 * parser that cannot fill in all three does not understand the fault well enough to report it.
 *
 * Not here: how a finding is printed (configuration.ts), and what a fault prevents (daemon/, cli/).
 */

import type { Diagnostic, Position } from './types.js'

/** What, why and what to do; each a clause without a full stop. */
export interface Finding {
  readonly what: string
  readonly why: string
  readonly fix: string
}

/** One file gives at most this many findings; a wrong file (an image, say) must not fill the terminal or the memory. */
const findingsMax = 200

export class Findings {
  readonly #diagnostics: Diagnostic[] = []
  #errors = 0

  error(position: Position, finding: Finding): void {
    this.#errors += 1
    this.#add('error', position, finding)
  }

  warning(position: Position, finding: Finding): void {
    this.#add('warning', position, finding)
  }

  info(position: Position, finding: Finding): void {
    this.#add('info', position, finding)
  }

  get errors(): number {
    return this.#errors
  }

  /** No more findings are kept: whoever goes line by line may stop. */
  get isFull(): boolean {
    return this.#diagnostics.length >= findingsMax
  }

  /** All findings so far in the order of the file. */
  inOrder(): readonly Diagnostic[] {
    return [...this.#diagnostics].sort(
      (a, b) => a.position.line - b.position.line || a.position.column - b.position.column
    )
  }

  #add(severity: Diagnostic['severity'], position: Position, finding: Finding): void {
    if (this.#diagnostics.length < findingsMax) {
      this.#diagnostics.push({ severity, position, ...finding })
      return
    }
    const last = this.#diagnostics.length - 1
    this.#diagnostics[last] = {
      severity: this.#errors > 0 ? 'error' : 'warning',
      position: this.#diagnostics[last]?.position ?? position,
      what: 'more findings follow, which are not shown',
      why: 'this does not look like the file it should be',
      fix: 'correct the findings above first'
    }
  }
}
