/**
 * The attributes of channel authentication records (CHLAUTH), by the type of the record, in the order they are displayed.
 * Source: queue manager reference 3.9. What they mean is decided in core/channel-authority.ts.
 */

import { channelRuleTypes } from '../../core/channel-authority.js'
import type { ChannelRuleType } from '../../core/channel-authority.js'
import { keyword, list, made, text } from './attribute.js'
import type { AttributeSpec } from './attribute.js'

const addressLengthMax = 264
const userLengthMax = 64

const specsOf = (type: ChannelRuleType): readonly AttributeSpec[] => {
  const isBlock = type === 'BLOCKADDR' || type === 'BLOCKUSER'
  const key: AttributeSpec[] = {
    BLOCKADDR: [list('ADDRLIST', 'acted', 256, addressLengthMax)],
    BLOCKUSER: [list('USERLIST', 'acted', 100, userLengthMax)],
    ADDRESSMAP: [text('ADDRESS', 'acted', addressLengthMax)],
    USERMAP: [text('ADDRESS', 'acted', addressLengthMax), text('CLNTUSER', 'acted', userLengthMax)],
    QMGRMAP: [text('ADDRESS', 'stored', addressLengthMax), text('QMNAME', 'stored', 48)],
    SSLPEERMAP: [text('SSLPEER', 'stored', 1024), text('SSLCERTI', 'stored', 1024), text('ADDRESS', 'stored', addressLengthMax)]
  }[type]
  const isConsulted = type === 'ADDRESSMAP' || type === 'USERMAP'
  const use = isConsulted ? 'acted' : 'stored'
  const result: AttributeSpec[] = isBlock
    ? []
    : [text('MCAUSER', use, userLengthMax), keyword('USERSRC', use, 'MAP CHANNEL NOACCESS'), keyword('CHCKCLNT', use, 'ASQMGR REQUIRED REQDADM')]
  return [text('DESCR', 'stored'), text('CUSTOM', 'stored', 128), ...key, ...result, keyword('WARN', isConsulted || isBlock ? 'acted' : 'stored', 'NO YES'), made('ALTDATE'), made('ALTTIME')]
}

export const channelRuleAttributes: Readonly<Record<ChannelRuleType, readonly AttributeSpec[]>> = Object.freeze(
  Object.fromEntries(channelRuleTypes.map(type => [type, specsOf(type)])) as Record<ChannelRuleType, readonly AttributeSpec[]>
)

/** Which attributes, with the profile and the type, make a record another one. */
export const isRuleKey = (name: string): boolean => ['ADDRESS', 'CLNTUSER', 'QMNAME', 'SSLPEER', 'SSLCERTI'].includes(name)
