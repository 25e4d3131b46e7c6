/**
 * What a connection speaks, told from its first bytes, so that one port serves every protocol. Pure.
 *
 * The client protocol begins with its magic; STOMP with `CONNECT`, `STOMP` or end-of-lines; HTTP with a method and a
 * blank; TLS with a handshake record (0x16 0x03).
 */

export type Recognised = 'client' | 'stomp' | 'http' | 'tls' | 'unknown' | 'more'

/** More than any first word needs; whoever is not recognised by then speaks nothing we know. */
export const recogniseBytesMax = 16

const stompWords = ['CONNECT\n', 'CONNECT\r\n', 'STOMP\n', 'STOMP\r\n'].map(word => Buffer.from(word, 'latin1'))
const httpMethods = ['GET ', 'POST ', 'DELETE ', 'PUT ', 'HEAD ', 'OPTIONS ', 'PATCH '].map(word => Buffer.from(word, 'latin1'))

/** 'more' when the bytes so far are a beginning of something; the caller bounds how long it waits. */
export function recognise(bytes: Buffer, clientMagic: Buffer): Recognised {
  let start = 0
  while (start < bytes.length && (bytes[start] === 0x0a || bytes[start] === 0x0d)) start += 1
  if (start === bytes.length) return bytes.length < recogniseBytesMax ? 'more' : 'unknown'
  const rest = bytes.subarray(start)
  if (start === 0) {
    if (rest[0] === 0x16) return rest.length < 2 ? 'more' : rest[1] === 0x03 ? 'tls' : 'unknown'
    const client = compare(rest, clientMagic)
    if (client !== 'other') return client === 'whole' ? 'client' : 'more'
    for (const method of httpMethods) {
      const found = compare(rest, method)
      if (found === 'whole') return 'http'
    }
  }
  for (const word of stompWords) if (compare(rest, word) === 'whole') return 'stomp'
  const isBeginning = [...stompWords, ...(start === 0 ? httpMethods : [])].some(word => compare(rest, word) === 'part')
  return isBeginning ? 'more' : 'unknown'
}

function compare(bytes: Buffer, word: Buffer): 'whole' | 'part' | 'other' {
  const length = Math.min(bytes.length, word.length)
  if (bytes.compare(word, 0, length, 0, length) !== 0) return 'other'
  return length === word.length ? 'whole' : 'part'
}
