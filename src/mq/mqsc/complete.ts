/**
 * Makes whole definitions out of what somebody cares to say: `completeDefinition('QLOCAL', 'A', { MAXDEPTH: 10 })`.
 */

import { invariant } from '../../base/invariant.js'
import { channelRuleName } from '../core/channel-authority.js'
import type { AttributeValue, ObjectDefinition, ObjectType } from '../core/definition.js'
import { dateOf, timeOf } from './calendar.js'
import { attributesOf, productDefaults, subtypeAttribute } from './object-types.js'

/**
 * A definition with every attribute of its type: the product's defaults, over them `attributes`.
 *
 * Channels say their CHLTYPE among the attributes, authentication information its AUTHTYPE, CHLAUTH records their TYPE
 * and, as CHLAUTH, their profile (their `name` is made of their keys; pass ''). `wallMs` dates it.
 */
export function completeDefinition(
  type: ObjectType,
  name: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  wallMs = 0
): ObjectDefinition {
  const key = subtypeAttribute(type)
  const subtype = key === null ? '' : String(attributes[key] ?? '')
  const known = attributesOf(type, subtype)
  invariant(known.length > 0, `a ${type} says which ${key ?? 'type'} it is, and ${subtype} is one`)
  const names = new Set<string>([...known.map(attribute => attribute.name), ...(key === null ? [] : [key]), ...(type === 'CHLAUTH' ? ['CHLAUTH'] : [])])
  for (const given of Object.keys(attributes)) invariant(names.has(given), `${given} is an attribute of ${type} ${subtype}`)
  const stamp: Record<string, AttributeValue> = {}
  for (const [date, time] of [['CRDATE', 'CRTIME'], ['ALTDATE', 'ALTTIME']] as const) {
    if (!names.has(date)) continue
    stamp[date] = dateOf(wallMs)
    stamp[time] = timeOf(wallMs)
  }
  const whole = { ...productDefaults(type, subtype), ...stamp, ...attributes }
  return Object.freeze({ type, name: type === 'CHLAUTH' ? channelRuleName(whole) : name, attributes: Object.freeze(whole) })
}
