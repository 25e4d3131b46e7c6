import t from 'tap'
import { groupDigest, keyId, parseConfiguration } from '../../src/config/configuration.js'
import type { Configuration, ResourceSpec } from '../../src/config/types.js'
import type { ClusterSettings } from '../../src/cluster/types.js'
import { noSafety } from '../../src/safety/types.js'
import { clusterSettings, type SettingsSource } from '../../src/daemon/cluster-settings.js'

const cfText = ['node ha1 ha2', 'bcast eth0 eth1', 'auto_failback on', 'keepalive 100ms', 'warntime 300ms', 'deadtime 500ms', 'initdead 2', ''].join('\n')

function configurationOf(texts: { readonly cf?: string; readonly haresources?: string } = {}): Configuration {
  const result = parseConfiguration(
    {
      haCf: { file: 'ha.cf', text: texts.cf ?? cfText },
      haresources: { file: 'haresources', text: texts.haresources ?? 'ha1 10.0.0.5 Filesystem::/dev/sdb1::/data::ext4 apache\nha2 mail\n' },
      authkeys: { file: 'authkeys', text: 'auth 1\n1 sha1 0123456789abcdef\n', mode: 0o600, ownerUid: 0 }
    },
    { nodeName: 'ha1', uid: 0 }
  )
  if (!result.ok) throw new Error(result.diagnostics.map(one => one.what).join('\n'))
  return result.configuration
}
const settingsOf = (change: Partial<SettingsSource> = {}): ClusterSettings =>
  clusterSettings({
    configuration: configurationOf(),
    nodeName: 'ha1',
    generation: 40,
    rememberedPeerGeneration: 7,
    rememberedPeerSequence: 0,
    safety: noSafety,
    agreement: null,
    heldEpochs: new Map([['0123abcd', 3]]),
    links: [{ name: 'eth0', description: 'bcast eth0' }],
    pathOf: (resource: ResourceSpec) => `/etc/ha.d/resource.d/${resource.type}`,
    isOwnScript: (resource: ResourceSpec) => resource.type === 'IPaddr',
    ...change
  })

t.test('cluster settings: a checked configuration -> what the core needs, unchanged', async t => {
  const settings = settingsOf()
  t.match(settings, { self: { name: 'ha1', generation: 40 }, peerName: 'ha2', autoFailback: 'on', rememberedPeerGeneration: 7 })
  t.strictSame(settings.timing, { keepaliveMs: 100, warntimeMs: 300, deadtimeMs: 500, initdeadMs: 2_000 })
  t.strictSame(settings.links, [{ name: 'eth0', description: 'bcast eth0' }])
  t.equal(settings.heldEpochs.get('0123abcd'), 3)
})

t.test('cluster settings: seen from either node -> the other one is the peer', async t => {
  t.equal(settingsOf({ nodeName: 'ha2' }).peerName, 'ha1')
})

t.test('cluster settings: no second node -> a bug, since the check demands one', async t => {
  const configuration = configurationOf()
  t.throws(() => settingsOf({ configuration: { ...configuration, cf: { ...configuration.cf, nodes: ['ha1'] } } }), { name: 'InvariantError' })
})

t.test('groups: in the order of the file, with the marks the peer matches them by', async t => {
  const { groups } = configurationOf()
  const settings = settingsOf()
  t.strictSame(settings.groups.map(group => [group.key, group.home]), groups.map(group => [group.key, group.home]))
  t.strictSame(settings.groups.map(group => [group.id, group.digest]), groups.map(group => [keyId(group), groupDigest(group)]))
  for (const group of settings.groups) t.match([group.id, group.digest], [/^[0-9a-f]{8}$/, /^[0-9a-f]{8}$/])
})

t.test('resources: a script found -> its path and arguments; none found -> its name', async t => {
  const commands = (change: Partial<SettingsSource>): unknown => settingsOf(change).groups[0]?.resources.map(resource => resource.command)
  t.strictSame(commands({}), ['/etc/ha.d/resource.d/IPaddr 10.0.0.5', '/etc/ha.d/resource.d/Filesystem /dev/sdb1 /data ext4', '/etc/ha.d/resource.d/apache'])
  t.strictSame(commands({ pathOf: () => null }), ['IPaddr 10.0.0.5', 'Filesystem /dev/sdb1 /data ext4', 'apache'])
})

t.test('resources: only our own scripts -> started without asking for their status first', async t => {
  t.strictSame(settingsOf().groups[0]?.resources.map(resource => [resource.word, resource.isIdempotent]), [
    ['10.0.0.5', true], ['Filesystem::/dev/sdb1::/data::ext4', false], ['apache', false]
  ])
})

t.test('limits: from ha.cf -> the same for every group', async t => {
  const { cf } = configurationOf()
  const { startTimeoutMs, stopTimeoutMs, statusTimeoutMs, stopRetries, stopRetryDelayMs } = cf
  for (const group of settingsOf().groups) t.strictSame(group.limits, { startTimeoutMs, stopTimeoutMs, statusTimeoutMs, stopRetries, stopRetryDelayMs })
})

t.test('move timeout: the longest group stopped there and started here, and two deadtimes', async t => {
  const { cf } = configurationOf()
  const each = cf.startTimeoutMs + cf.stopTimeoutMs
  t.equal(settingsOf().moveTimeoutMs, 3 * each + 1_000)
  t.equal(settingsOf({ configuration: configurationOf({ haresources: 'ha1 apache\n' }) }).moveTimeoutMs, each + 1_000)
})

t.test('move timeout: no groups at all -> still an end', async t => {
  const settings = settingsOf({ configuration: { ...configurationOf(), groups: [] } })
  t.strictSame(settings.groups, [])
  t.ok(settings.moveTimeoutMs > 0 && Number.isFinite(settings.moveTimeoutMs))
})
