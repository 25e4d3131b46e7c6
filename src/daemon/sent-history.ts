/**
 * The last sequenced messages as they went out, for a Linux-HA peer that asks for one again: it must get the very same
 * bytes. Our own daemons never ask, since every datagram of theirs says everything.
 *
 * Source: reference 2.5; Linux-HA keeps 500 messages.
 */

const historyMax = 256

export class SentHistory {
  readonly #slots: (readonly [number, Uint8Array] | undefined)[] = new Array<readonly [number, Uint8Array] | undefined>(historyMax)

  add(sequence: number, payload: Uint8Array): void {
    this.#slots[sequence % historyMax] = [sequence, payload]
  }

  /** The payload as sent, or undefined when it is older than the history. */
  find(sequence: number): Uint8Array | undefined {
    const slot = this.#slots[sequence % historyMax]
    return slot?.[0] === sequence ? slot[1] : undefined
  }
}
