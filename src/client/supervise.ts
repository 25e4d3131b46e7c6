/** The owners of promises that nobody awaits at once. */

/** It lives beside the program's calls; a rejection is a bug and must be heard. */
export function supervise(name: string, promise: Promise<unknown>): void {
  promise.then(undefined, (error: unknown) => {
    queueMicrotask(() => {
      throw new Error(`${name} failed`, { cause: error })
    })
  })
}

/** It is awaited later, in its turn; until then a rejection is no news. */
export function awaitedLater(promise: Promise<unknown>): void {
  promise.then(undefined, () => undefined)
}
