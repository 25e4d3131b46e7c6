/**
 * The owner of promises that nobody awaits: they live beside the event loop and end by posting an event. A rejection is
 * a bug, and is handed to the last resort (shutdown.ts), never lost.
 */
export function supervise(name: string, promise: Promise<unknown>): void {
  promise.then(undefined, (error: unknown) => {
    queueMicrotask(() => {
      throw new Error(`${name} failed`, { cause: error })
    })
  })
}
