/** Names of objects, and names made by us. Source: reference section 0.4. */

export const nameLengthMax = 48

/** Letters, digits, `.`, `/`, `_` and `%`; 1 to 48 characters. */
export const isObjectName = (name: string): boolean => /^[A-Za-z0-9./_%]{1,48}$/.test(name)

/** A queue name from an asked one: `ABC.*` gets 16 characters in place of the `*`; null when it cannot be one. */
export function dynamicName(asked: string, unique: string): string | null {
  const star = asked.indexOf('*')
  const name = star === -1 ? asked : asked.slice(0, star) + unique
  if (star !== -1 && star !== asked.length - 1) return null
  return isObjectName(name) ? name : null
}

/** 16 hexadecimal digits, unique in the life of the queue manager: 6 of the epoch, 10 of the counter. */
export const uniqueSuffix = (epoch: number, counter: number): string =>
  (epoch % 2 ** 24).toString(16).toUpperCase().padStart(6, '0') + counter.toString(16).toUpperCase().padStart(10, '0')
