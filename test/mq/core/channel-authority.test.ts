/** Who may use a channel, and as whom: CHLAUTH records, MCAUSER, passwords, limits. */

import t from 'tap'
import { addressBreadth, matchesAddress, parseAddress, parsePattern } from '../../../src/mq/core/address-pattern.js'
import { channelRuleName, decideChannel, matchesProfile } from '../../../src/mq/core/channel-authority.js'
import type { ChannelDecision, ChannelPolicy, ChannelRequest } from '../../../src/mq/core/channel-authority.js'
import type { AttributeValue, ObjectDefinition } from '../../../src/mq/core/definition.js'
import { completeDefinition } from '../../../src/mq/mqsc/complete.js'
import { systemObjects } from '../../../src/mq/mqsc/system-objects.js'

const rule = (profile: string, type: string, attributes: Readonly<Record<string, AttributeValue>>): ObjectDefinition =>
  completeDefinition('CHLAUTH', '', { CHLAUTH: profile, TYPE: type, ...attributes })
const channel = (attributes: Readonly<Record<string, AttributeValue>> = {}): ObjectDefinition => completeDefinition('CHANNEL', 'APP.ONE', { CHLTYPE: 'SVRCONN', ...attributes })
const systemRules = systemObjects(0).filter(definition => definition.type === 'CHLAUTH')

const request = (given: Partial<ChannelRequest> = {}): ChannelRequest => ({ channel: 'APP.ONE', address: '10.0.0.7', user: 'alice', isAuthenticated: false, ...given })
const policy = (given: Partial<ChannelPolicy> = {}): ChannelPolicy => ({
  channel: channel(),
  records: [],
  isChlauthEnabled: true,
  checkClient: 'NONE',
  adoptsContext: true,
  isAdministrator: user => user === 'mqm' || user === 'root',
  ...given
})
const said = (decision: ChannelDecision): string => (decision.allowed ? `as ${decision.user}` : `${decision.reason} ${decision.message}`)
const decide = (asked: Partial<ChannelRequest>, given: Partial<ChannelPolicy>): string => said(decideChannel(request(asked), policy(given)))

t.test('channel: unknown 2540, of another type 2539, stopped or full 2537', async t => {
  t.equal(decide({}, { channel: undefined }), '2540 AMQ9519')
  t.equal(decide({}, { channel: completeDefinition('CHANNEL', 'APP.ONE', { CHLTYPE: 'RCVR' }) }), '2539 AMQ9519')
  t.equal(decide({}, { isStopped: true }), '2537 AMQ9533')
  t.equal(decide({}, { channel: channel({ MAXINST: 3 }), instances: 2 }), 'as alice')
  t.equal(decide({}, { channel: channel({ MAXINST: 3 }), instances: 3 }), '2537 AMQ9694')
  t.equal(decide({}, { channel: channel({ MAXINSTC: 1 }), instancesOfAddress: 1 }), '2537 AMQ9694')
  t.equal(decide({}, { channel: channel({ MAXINST: 0 }) }), '2537 AMQ9694')
})

t.test('user: MCAUSER of the channel, else who the client says it is; a proved user is adopted', async t => {
  t.equal(decide({}, {}), 'as alice')
  t.equal(decide({}, { channel: channel({ MCAUSER: 'app' }) }), 'as app')
  t.equal(decide({ isAuthenticated: true }, { channel: channel({ MCAUSER: 'app' }) }), 'as alice')
  t.equal(decide({ isAuthenticated: true }, { channel: channel({ MCAUSER: 'app' }), adoptsContext: false }), 'as app')
})

t.test('password: demanded by the queue manager of everybody but this machine, by a record of everybody', async t => {
  t.equal(decide({}, { checkClient: 'REQUIRED' }), '2035 AMQ5534')
  t.equal(decide({ isAuthenticated: true }, { checkClient: 'REQUIRED' }), 'as alice')
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '']) t.equal(decide({ address }, { checkClient: 'REQUIRED' }), 'as alice', address)
  t.equal(decide({}, { checkClient: 'OPTIONAL' }), 'as alice')
  t.equal(decide({}, { checkClient: 'REQDADM' }), 'as alice')
  t.equal(decide({ user: 'mqm' }, { checkClient: 'REQDADM' }), '2035 AMQ5534')
  const demanding = [rule('APP.*', 'ADDRESSMAP', { ADDRESS: '*', USERSRC: 'CHANNEL', CHCKCLNT: 'REQUIRED' })]
  t.equal(decide({ address: '127.0.0.1' }, { records: demanding }), '2035 AMQ5534')
  t.equal(decide({}, { checkClient: 'REQUIRED', channel: channel({ MCAUSER: 'app' }) }), 'as app', 'the channel names its user: it is open to whoever reaches it')
})

t.test('records of a new queue manager: system channels closed, administrators blocked', async t => {
  t.equal(decide({}, { records: systemRules }), 'as alice')
  t.equal(decide({ user: 'mqm' }, { records: systemRules }), '2035 AMQ9776')
  t.equal(decide({ channel: 'SYSTEM.DEF.SVRCONN' }, { records: systemRules }), '2035 AMQ9777')
  t.equal(decide({ channel: 'SYSTEM.ADMIN.SVRCONN' }, { records: systemRules }), 'as alice')
  t.equal(decide({ channel: 'SYSTEM.DEF.SVRCONN', user: 'mqm' }, { records: systemRules, isChlauthEnabled: false }), 'as mqm')
  t.equal(decide({ user: 'mqm' }, { records: [...systemRules, rule('APP.ONE', 'BLOCKUSER', { USERLIST: ['nobody'] })] }), 'as mqm', 'a record of its own opens one channel')
})

t.test('a channel whose definition names its user is open to whoever reaches it, unless a record names that user', async t => {
  const opened = { channel: channel({ MCAUSER: 'mqm' }), checkClient: 'REQUIRED' } as const
  t.equal(decide({ user: '' }, { ...opened, records: systemRules }), 'as mqm', 'as walkthroughs define it')
  t.equal(decide({}, { ...opened, records: [rule('*', 'BLOCKUSER', { USERLIST: ['mqm'] })] }), '2035 AMQ9776')
  t.equal(decide({}, { ...opened, records: [rule('APP.*', 'ADDRESSMAP', { ADDRESS: '10.*', USERSRC: 'NOACCESS' })] }), '2035 AMQ9777')
  t.equal(decide({ user: 'mqm' }, { channel: channel(), records: systemRules, checkClient: 'REQUIRED' }), '2035 AMQ5534', 'claiming to be somebody opens nothing')
})

t.test('blocked addresses are turned away before anything is said about channels', async t => {
  const records = [rule('*', 'BLOCKADDR', { ADDRLIST: ['192.0.2.*', '2001:DB8::1'] })]
  t.equal(decide({ address: '192.0.2.9' }, { records, channel: undefined }), '2035 AMQ9777')
  t.equal(decide({ address: '2001:db8:0:0:0:0:0:1' }, { records }), '2035 AMQ9777')
  t.equal(decide({ address: '192.0.3.9' }, { records }), 'as alice')
  t.equal(decide({ channel: '', address: '192.0.2.9' }, { records, channel: undefined }), '2035 AMQ9777', 'also for protocols without channels')
})

t.test('mapping: most specific profile, then user before address, then narrower address', async t => {
  const map = (profile: string, address: string, user: string): ObjectDefinition => rule(profile, 'ADDRESSMAP', { ADDRESS: address, MCAUSER: user })
  const records = [
    map('*', '10.0.0.7', 'of-star'),
    map('APP.*', '*', 'everywhere'),
    map('APP.*', '10.*', 'ten'),
    map('APP.*', '10.0.0.1-9', 'range'),
    rule('APP.*', 'USERMAP', { CLNTUSER: 'bob', MCAUSER: 'bobs' }),
    rule('APP.*', 'USERMAP', { CLNTUSER: 'bob', ADDRESS: '10.0.0.8', MCAUSER: 'bobs-desk' }),
    map('APP.TWO', '*', 'of-two')
  ]
  t.equal(decide({}, { records }), 'as range')
  t.equal(decide({ address: '10.1.1.1' }, { records }), 'as ten')
  t.equal(decide({ address: '11.1.1.1' }, { records }), 'as everywhere')
  t.equal(decide({ user: 'bob' }, { records }), 'as bobs')
  t.equal(decide({ user: 'bob', address: '10.0.0.8' }, { records }), 'as bobs-desk')
  t.equal(decide({ channel: 'APP.TWO' }, { records }), 'as of-two')
  t.equal(decide({ channel: '', address: '10.0.0.7' }, { records, channel: undefined }), 'as of-star', 'without a channel only records for * apply')
  t.equal(decide({}, { records: [...records].reverse() }), 'as range', 'their order does not matter')
})

t.test('WARN(YES): let in, and said', async t => {
  const decision = decideChannel(request(), policy({ records: [rule('*', 'ADDRESSMAP', { ADDRESS: '*', USERSRC: 'NOACCESS', WARN: 'YES' })] }))
  t.match(decision, { allowed: true, user: 'alice', warnings: ["CHLAUTH('*') TYPE(ADDRESSMAP) ADDRESS('*')"] })
})

t.test('the rule that decided is named', async t => {
  const refused = decideChannel(request({ channel: 'SYSTEM.X' }), policy({ records: systemRules }))
  t.match(refused, { allowed: false, rule: "CHLAUTH('SYSTEM.*') TYPE(ADDRESSMAP) ADDRESS('*')" })
})

t.test('profiles: * anywhere', async t => {
  for (const [profile, name, does] of [['*', '', true], ['A*', 'A', true], ['A*C', 'ABC', true], ['A*C', 'AC', true], ['A*C', 'ACB', false], ['*B*', 'ABC', true], ['AB*BC', 'ABC', false], ['A', 'A', true], ['A', 'AB', false], ['A**', 'AB', true]] as const) {
    t.equal(matchesProfile(profile, name), does, `${profile} ${name}`)
  }
})

t.test('record names: different keys, different names', async t => {
  const names = [rule('A', 'ADDRESSMAP', { ADDRESS: '1.1.1.1', MCAUSER: 'x' }), rule('A', 'USERMAP', { CLNTUSER: '1.1.1.1', MCAUSER: 'x' }), rule('A', 'USERMAP', { CLNTUSER: 'a|b', MCAUSER: 'x' }), rule('A', 'USERMAP', { CLNTUSER: 'a', ADDRESS: 'b', MCAUSER: 'x' })].map(({ name }) => name)
  t.equal(new Set(names).size, names.length)
  t.equal(channelRuleName({ CHLAUTH: '*', TYPE: 'BLOCKUSER', USERLIST: ['a'] }), '*|BLOCKUSER', 'lists are no key')
})

t.test('addresses: what is one and what is not', async t => {
  t.strictSame(parseAddress('192.0.2.7'), [192, 0, 2, 7])
  t.strictSame(parseAddress('::ffff:192.0.2.7'), [192, 0, 2, 7])
  t.strictSame(parseAddress('fe80::1%eth0'), [0xfe80, 0, 0, 0, 0, 0, 0, 1])
  t.strictSame(parseAddress('::'), [0, 0, 0, 0, 0, 0, 0, 0])
  for (const wrong of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', 'a.b.c.d', '1:2', '1::2::3', ':::', '1.2.3.*', '1.2.3.1-2', '12345::', '1.2.3.4 ', '-1.2.3.4']) t.equal(parseAddress(wrong), null, wrong)
})

t.test('address patterns: stars, ranges, both families', async t => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['*', '192.0.2.7', true],
    ['*', '2001:db8::1', true],
    ['192.0.2.*', '192.0.2.7', true],
    ['192.*', '192.0.2.7', true],
    ['192.*.2.7', '192.9.2.7', true],
    ['192.0.2.1-9', '192.0.2.9', true],
    ['192.0.2.1-9', '192.0.2.10', false],
    ['192.0.1-3.*', '192.0.4.1', false],
    ['2001:DB8:*', '2001:db8:1::5', true],
    ['2001:DB8:0:0:0:0:0:1-FF', '2001:db8::fe', true],
    ['2001:DB8:0:0:0:0:0:1-FF', '2001:db8::100', false],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['192.0.2.7', '::ffff:192.0.2.7', true],
    ['192.*', '2001:db8::1', false]
  ]
  for (const [pattern, address, does] of table) t.equal(matchesAddress(pattern, address), does, `${pattern} ${address}`)
  for (const wrong of ['192.0.2', '192.0.2.9-1', '19*.0.2.1', '192.0.2.*.*', '2001::*', 'host.example.com', '1.2.3.4-', '-', '**', '*.*.*.*.*']) t.equal(parsePattern(wrong), null, wrong)
  const breadths = ['192.0.2.7', '192.0.2.1-9', '192.0.2.*', '192.*', '*'].map(addressBreadth)
  t.strictSame(breadths, [...breadths].sort((left, right) => left - right))
  t.equal(parsePattern('1'.repeat(200_000)), null)
})
