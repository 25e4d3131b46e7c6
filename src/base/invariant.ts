/**
 * Conditions that only a bug can break. What anybody outside can cause is never checked here: refused input is a value,
 * an expected failure an event (style B7).
 */

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Throws InvariantError when the condition does not hold; only the daemon's last-resort handler catches it. */
export function invariant(condition: boolean, rule: string): asserts condition {
  if (!condition) throw new InvariantError(`invariant broken: ${rule}`)
}

/** The end of a switch over a union: a new member makes the call fail to compile. */
export function unreachable(value: never): never {
  throw new InvariantError(`invariant broken: unhandled case ${JSON.stringify(value)}`)
}
