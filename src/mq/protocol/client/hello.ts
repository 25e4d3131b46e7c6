/**
 * The first frame of a connection. Its fields carry tags and lengths and keep their layout in every version, so that a
 * queue manager of any age can read it; tags it does not know it passes over.
 */

import type { Credentials } from '../session.js'
import { Reader, Writer } from './bytes.js'
import type { Hello } from './request.js'

const tags = { channel: 1, queueManager: 2, application: 3, user: 4, password: 5, token: 6, processId: 7, heartbeatMs: 8 } as const
const valueBytesMax = 8192
const fieldsMax = 64

const field = new Writer()

export function encodeHello(writer: Writer, hello: Hello): void {
  const text = (tag: number, value: string): void => {
    if (value === '') return
    writer.u8(tag)
    writer.text(value)
  }
  const number = (tag: number, value: number): void => {
    writer.u8(tag)
    field.uint(value)
    writer.bytes(field.take())
  }
  text(tags.channel, hello.channel)
  text(tags.queueManager, hello.queueManager)
  text(tags.application, hello.application)
  if (hello.credentials.kind === 'password') {
    text(tags.user, hello.credentials.user)
    text(tags.password, hello.credentials.password)
  } else if (hello.credentials.kind === 'token') text(tags.token, hello.credentials.token)
  number(tags.processId, hello.processId)
  number(tags.heartbeatMs, hello.heartbeatMs)
}

/** Check `reader.fault` before use. */
export function decodeHello(reader: Reader): Hello {
  const texts = new Map<number, string>()
  const numbers = new Map<number, number>()
  for (let count = 0; reader.remaining > 0 && reader.fault === null; count++) {
    if (count === fieldsMax) reader.refuse(`more than ${fieldsMax} fields`)
    const tag = reader.u8()
    const bytes = reader.uint()
    if (bytes > valueBytesMax) reader.refuse(`a field is longer than ${valueBytesMax} bytes`)
    const value = reader.raw(bytes)
    if (tag === tags.processId || tag === tags.heartbeatMs) {
      const inner = new Reader(value)
      numbers.set(tag, inner.uint())
      if (inner.fault !== null) reader.refuse(inner.fault)
    } else texts.set(tag, value.toString('utf8'))
  }
  return {
    channel: texts.get(tags.channel) ?? '',
    queueManager: texts.get(tags.queueManager) ?? '',
    application: texts.get(tags.application) ?? '',
    credentials: credentialsOf(texts),
    processId: numbers.get(tags.processId) ?? 0,
    heartbeatMs: numbers.get(tags.heartbeatMs) ?? 0
  }
}

function credentialsOf(texts: ReadonlyMap<number, string>): Credentials {
  const token = texts.get(tags.token)
  const user = texts.get(tags.user)
  if (token !== undefined) return { kind: 'token', token }
  return user === undefined ? { kind: 'none' } : { kind: 'password', user, password: texts.get(tags.password) ?? '' }
}
