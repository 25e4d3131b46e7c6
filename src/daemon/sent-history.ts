/**
 * The last sequenced messages as they went out, for a Linux-HA peer that asks for one again: it must get the very same
 * bytes. Our own daemons never ask, since every datagram of theirs says everything.
 *
 * The newest one also tells our own broadcast, which comes back to its sender, without verifying and reading it. Of older
 * ones nothing is assumed: the core knows our own name and ignores them.
 *
 * Source: reference 2.5; Linux-HA keeps 500 messages.
 */

const historyMax = 256

export class SentHistory {
  readonly #slots: (readonly [number, Uint8Array] | undefined)[] = new Array<readonly [number, Uint8Array] | undefined>(historyMax)
  #newest: Uint8Array | null = null

  add(sequence: number, payload: Uint8Array): void {
    this.#newest = payload
    this.#slots[sequence % historyMax] = [sequence, payload]
  }

  isNewest(payload: Uint8Array): boolean {
    return this.#newest !== null && Buffer.compare(payload, this.#newest) === 0
  }

  /** The payload as sent, or undefined when it is older than the history. */
  find(sequence: number): Uint8Array | undefined {
    const slot = this.#slots[sequence % historyMax]
    return slot?.[0] === sequence ? slot[1] : undefined
  }
}
