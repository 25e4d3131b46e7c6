/**
 * Makes a value unchangeable all the way down: the configuration is shared by every part, and none may edit it.
 */

/** A Map that cannot change; Object.freeze alone leaves a Map's contents open. */
export class FrozenMap<Key, Value> extends Map<Key, Value> {
  constructor(entries: Iterable<readonly [Key, Value]>) {
    super()
    for (const [key, value] of entries) super.set(key, value)
  }

  override set(): this {
    throw refusal()
  }

  override delete(): boolean {
    throw refusal()
  }

  override clear(): void {
    throw refusal()
  }
}

/** Freezes the value and everything it refers to; returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part)
  return value
}

const refusal = (): TypeError => new TypeError('a frozen map cannot change')
