/**
 * Properties in a head: their number (u32), then for each its name (u32 length, UTF-8), a type byte and the value.
 */

import { HaError } from '../../base/errors.js'
import { unreachable } from '../../base/invariant.js'
import type { HeadReader, HeadWriter } from './head-io.js'
import type { Properties, PropertyValue } from './message.js'

const types = { null: 0, false: 1, true: 2, number: 3, bigint: 4, string: 5, bytes: 6 } as const

export function writeProperties(w: HeadWriter, properties: Properties): void {
  w.int(0, properties.size)
  for (const [name, value] of properties) {
    w.longText(name)
    writeValue(w, value)
  }
}

function writeValue(w: HeadWriter, value: PropertyValue): void {
  switch (typeof value) {
    case 'boolean':
      w.byte(0, value ? types.true : types.false)
      return
    case 'number':
      w.byte(0, types.number)
      w.float(value)
      return
    case 'bigint':
      w.byte(0, types.bigint)
      w.long(value)
      return
    case 'string':
      w.byte(0, types.string)
      w.longText(value)
      return
    case 'object':
      if (value === null) w.byte(0, types.null)
      else {
        w.byte(0, types.bytes)
        w.int(0, value.length)
        w.bytes(0, value)
      }
      return
    default:
      unreachable(value)
  }
}

/** Throws HaError HA_MQ_DAMAGED. */
export function readProperties(r: HeadReader): Properties {
  const count = r.int() >>> 0
  // Each takes five bytes at least, so a count beyond that is nonsense and is not looped over.
  if (count > r.left / 5) throw new HaError('HA_MQ_DAMAGED', `the head of a stored message makes no sense: ${count} properties in ${r.left} bytes`)
  const properties = new Map<string, PropertyValue>()
  for (let index = 0; index < count; index++) properties.set(r.longText(), readValue(r))
  return properties
}

function readValue(r: HeadReader): PropertyValue {
  const type = r.byte()
  switch (type) {
    case types.null:
      return null
    case types.false:
      return false
    case types.true:
      return true
    case types.number:
      return r.float()
    case types.bigint:
      return r.long()
    case types.string:
      return r.longText()
    case types.bytes:
      return r.bytes(r.int() >>> 0)
    default:
      throw new HaError('HA_MQ_DAMAGED', `the head of a stored message makes no sense: property type ${type}`)
  }
}
