/** Cuts what a child writes into lines, as it comes. A line longer than any real one is dropped, and that is said. */

/** `ip` writes a few hundred bytes about an interface; with all details of a bridge some thousand. */
const lineBytesMax = 32 * 1024

export class LineReader {
  readonly #onLine: (line: string) => void
  readonly #onDropped: () => void
  #rest = ''
  #isDropping = false

  constructor(onLine: (line: string) => void, onDropped: () => void) {
    this.#onLine = onLine
    this.#onDropped = onDropped
  }

  take(chunk: Uint8Array): void {
    // Interface names may hold any byte but blanks and slashes; one character for a byte keeps them apart.
    const lines = (this.#rest + Buffer.from(chunk).toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#isDropping) this.#isDropping = false // the end of the line that was too long
      else this.#onLine(line)
    }
    if (this.#rest.length <= lineBytesMax) return
    this.#rest = ''
    if (!this.#isDropping) this.#onDropped()
    this.#isDropping = true
  }
}
