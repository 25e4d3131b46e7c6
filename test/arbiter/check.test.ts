import { chmodSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { checkArbiter } from '../../src/arbiter/check.js'
import { formatDiagnostic } from '../../src/config/configuration.js'
import type { ArbiterConfig } from '../../src/config/types.js'
import { b64, clock, configFor, endpoint, EtcdServer, freePort, noEtcd } from './etcd-server.js'

const options = { skip: noEtcd }
const check = async (config: ArbiterConfig): Promise<readonly string[]> => (await checkArbiter(config, clock)).map(formatDiagnostic)

t.test('check: all is well -> not a word, and nothing is left in etcd', options, async t => {
  const server = await EtcdServer.start(t)
  t.strictSame(await check(configFor([server.endpoint])), [])
  const all = (await server.call('kv/range', { key: b64('\0'), range_end: b64('\0') })) as { count?: string }
  t.equal(all.count, undefined)
  t.equal((await server.call('lease/leases', {}))['leases'], undefined)
})

t.test('check: one member does not answer -> a warning; none does -> an error', options, async t => {
  const server = await EtcdServer.start(t)
  const gone = endpoint(await freePort())
  t.match(await check(configFor([server.endpoint, gone])), [/^ha.cf:7:1: warning: the arbiter cannot be asked: http:\/\/127.0.0.1:\d+: .*ECONNREFUSED.*; without a majority of its members/])
  t.match(await check(configFor([gone])), [/^ha.cf:7:1: error: the arbiter cannot be asked: .*; a node that is alone may hold nothing without it/])
})

t.test('check: users -> wrong password, no user, no permission, nobody asked are told apart', options, async t => {
  const server = await EtcdServer.start(t)
  const file = path.join(t.testdir({ password: 'hb-password\n' }), 'password')
  chmodSync(file, 0o600)
  const withUser = { user: 'hb', passwordFile: file }
  t.match(await check(configFor([server.endpoint], withUser)), [/warning: etcd asks nobody for a password/])
  for (const name of ['root', 'hb']) {
    await server.call('auth/user/add', { name, password: `${name}-password` })
    await server.call('auth/role/add', { name })
    await server.call('auth/user/grant', { user: name, role: name })
  }
  await server.call('auth/enable', {})
  t.match(await check(configFor([server.endpoint])), [/error: the arbiter refuses us: .*user name is empty.*add `user=NAME password-file=PATH`/])
  t.match(await check(configFor([server.endpoint], withUser)), [/error: .*permission denied.*role grant-permission ROLE readwrite --prefix=true \/heartbeat\/test\//])
  writeFileSync(file, 'wrong\n')
  t.match(await check(configFor([server.endpoint], withUser)), [/error: the arbiter refuses us: user hb: .*authentication failed/])
  chmodSync(file, 0o644)
  t.match(await check(configFor([server.endpoint], withUser)), [/error: .*may be read by others/])
})
