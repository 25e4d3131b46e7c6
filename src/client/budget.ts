/** How many puts, and how many of their bytes, the library holds. Those that find no room wait in order. */

import { abortReason } from './mq-error.js'

interface Waiter {
  readonly bytes: number
  readonly enter: () => void
  readonly reject: (error: Error) => void
}

export class Budget {
  readonly #countMax: number
  readonly #bytesMax: number
  #count = 0
  #bytes = 0
  #waiters: Waiter[] = []

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax
    this.#bytesMax = bytesMax
  }

  /** Takes room when there is some and nobody waits for it. */
  tryTake(bytes: number): boolean {
    if (this.#waiters.length > 0 || !this.#hasRoom(bytes)) return false
    this.#count++
    this.#bytes += bytes
    return true
  }

  /** Resolves when room was taken; rejects with the signal's reason, or with what `fail` was told. */
  take(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', onAbort)
        this.#waiters = this.#waiters.filter(other => other !== waiter)
      }
      const onAbort = (): void => {
        leave()
        reject(abortReason(signal as AbortSignal))
        this.#admit()
      }
      const waiter: Waiter = {
        bytes,
        enter: () => {
          leave()
          resolve()
        },
        reject: error => {
          leave()
          reject(error)
        }
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  give(bytes: number): void {
    this.#count--
    this.#bytes -= bytes
    if (this.#waiters.length > 0) this.#admit()
  }

  /** Nobody will get room any more. */
  fail(error: Error): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error)
  }

  /** A body larger than the whole budget enters alone. */
  #hasRoom(bytes: number): boolean {
    return this.#count === 0 || (this.#count < this.#countMax && this.#bytes + bytes <= this.#bytesMax)
  }

  #admit(): void {
    for (let waiter = this.#waiters[0]; waiter !== undefined && this.#hasRoom(waiter.bytes); waiter = this.#waiters[0]) {
      this.#count++
      this.#bytes += waiter.bytes
      waiter.enter()
    }
  }
}
