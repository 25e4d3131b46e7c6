import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { baseEnvironment, operationEnvironment } from '../../src/agent/environment.js'
import { locateScript, projectResourceDir, scriptSearchPath } from '../../src/agent/locate.js'
import { millis } from '../../src/base/units.js'

t.test('locate: first executable regular file wins, in the order of the search path', async test => {
  const folder = test.testdir({ ha: { 'resource.d': { both: '', mine: '', plain: '' } }, own: { both: '', ours: '', plain: '' }, init: { both: '', service: '' } })
  for (const path of ['ha/resource.d/both', 'ha/resource.d/mine', 'own/both', 'own/ours', 'own/plain', 'init/both', 'init/service']) chmodSync(join(folder, path), 0o755)
  mkdirSync(join(folder, 'ha/resource.d/folder'))
  symlinkSync(join(folder, 'own/ours'), join(folder, 'ha/resource.d/linked'))
  symlinkSync('nowhere', join(folder, 'ha/resource.d/dangling'))
  const path = scriptSearchPath({ haDir: join(folder, 'ha'), projectDir: join(folder, 'own'), initDir: join(folder, 'init') })
  test.match(locateScript('both', path), { path: join(folder, 'ha/resource.d/both'), style: 'r1', own: false })
  test.match(locateScript('plain', path), { path: join(folder, 'own/plain'), own: true }, 'one that is not executable is passed over')
  test.match(locateScript('ours', path), { style: 'r1', own: true })
  test.match(locateScript('linked', path), { own: true }, 'a link to our script is our script')
  test.match(locateScript('service', path), { style: 'lsb', own: false })
  for (const type of ['nobody', 'folder', 'dangling', '', '.', '..', '../own/ours', '/bin/sh', 'a\0b', 'x'.repeat(300)]) test.equal(locateScript(type, path), null, JSON.stringify(type.slice(0, 20)))
})

t.test('locate: the project itself -> has every script it promises', async test => {
  const path = scriptSearchPath({ haDir: '/nowhere' })
  for (const type of ['IPaddr', 'IPaddr2', 'IPv6addr', 'SendArp', 'Filesystem', 'MailTo', 'Delay'])
    test.equal(locateScript(type, path)?.path, join(projectResourceDir(), type))
})

t.test('environment: Linux-HA names, directives of ha.cf, and systemctl kept out of LSB scripts', async test => {
  const base = baseEnvironment({
    haDir: '/etc/ha.d',
    stateDir: '/var/lib/heartbeat',
    runDir: '/run/heartbeat',
    node: 'alpha',
    cf: { logfile: '/var/log/ha-log', debugfile: null, logfacility: 'local0', debug: 1, recorded: { keepalive: '2', 'api.auth': 'x', PATH: 'evil', DIR: '/tmp' } }
  })
  test.match(base, {
    HA_keepalive: '2', HA_DIR: '/etc/ha.d', HA_CURHOST: 'alpha', HA_LOGFILE: '/var/log/ha-log', HA_DEBUGLOG: '/var/log/ha-log',
    HA_LOGFACILITY: 'local0', HA_debug: '1', HA_FUNCS: '/etc/ha.d/shellfuncs', HA_RSCTMP: '/run/resource-agents', OCF_ROOT: '/usr/lib/ocf'
  })
  test.notOk('HA_api.auth' in base, 'a name that no shell can hold is left out')
  test.not(base['PATH'], 'evil')
  const lsb = operationEnvironment(base, { style: 'lsb', remainingMs: millis(1234.5) })
  test.match(lsb, { SYSTEMCTL_SKIP_REDIRECT: '1', _SYSTEMCTL_SKIP_REDIRECT: 'true', HA_OP_TIMEOUT_MS: '1234' })
  test.notOk('SYSTEMCTL_SKIP_REDIRECT' in operationEnvironment(base, { style: 'r1', remainingMs: millis(5) }))
})
