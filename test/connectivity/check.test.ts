import { spawnSync } from 'node:child_process'
import t from 'tap'
import { millis } from '../../src/base/units.js'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { checkConnectivity } from '../../src/connectivity/check.js'
import { clock } from '../arbiter/etcd-server.js'

const hasPing = spawnSync('ping', ['-c', '1', '-W', '2', '127.0.0.9']).status === 0
const options = { skip: hasPing ? false : 'missing tool: ping (Debian package iputils-ping), or it may not be used here' }

async function check(targets: Readonly<Record<string, readonly string[]>>, own: readonly string[] = [], floating: readonly string[] = []): Promise<readonly string[]> {
  const config = {
    deadpingMs: millis(1000),
    targets: Object.entries(targets).map(([name, addresses], index) => ({
      kind: addresses[0] === name ? ('node' as const) : ('group' as const), name, addresses, position: { file: 'ha.cf', line: 9 + index, column: 1 }
    }))
  }
  return (await checkConnectivity(config, { clock, own, floating })).map(formatDiagnostic)
}

t.test('check: everything answers -> not a word', options, async t => {
  t.strictSame(await check({ '127.0.0.5': ['127.0.0.5'], g: ['127.0.0.6', '127.0.0.7'] }), [])
})

t.test('check: silent nodes, groups and members -> told apart', options, async t => {
  t.match(await check({ '240.0.0.1': ['240.0.0.1'], g: ['240.0.0.1', '127.0.0.5'], h: ['240.0.0.1', '240.0.0.2'] }), [
    /^ha.cf:9:1: warning: 240.0.0.1 does not answer pings/,
    /^ha.cf:10:1: info: 240.0.0.1 of the group g does not answer pings/,
    /^ha.cf:11:1: warning: nobody in the group h answers pings/
  ])
})

t.test('check: addresses of this host or of a group -> no witness, however they are spelled', options, async t => {
  t.match(await check({ '::1': ['::1'], '127.0.0.5': ['127.0.0.5'] }, ['0:0:0:0:0:0:0:1'], ['127.0.0.5']).then(found => found.filter(line => !line.includes('answer pings'))), [
    /^ha.cf:9:1: warning: ::1 is an address of this host/,
    /^ha.cf:10:1: warning: 127.0.0.5 moves with a resource group/
  ])
})
