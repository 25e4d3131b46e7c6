import t from 'tap'
import { Prng } from '../../src/base/prng.js'
import { formatDiagnostic, parseConfiguration, type ConfigurationSources } from '../../src/config/configuration.js'
import { directiveNames } from '../../src/config/directives.js'
import { editDistance, nearestName } from '../../src/config/nearest.js'

const context = { nodeName: 'ha1', uid: 0 }
const sources = (texts: { cf?: string; haresources?: string; authkeys?: string } = {}): ConfigurationSources => ({
  haCf: { file: 'ha.cf', text: texts.cf ?? 'node ha1 ha2\nbcast eth0 eth1\nauto_failback off\n' },
  haresources: { file: 'haresources', text: texts.haresources ?? 'ha1 10.0.0.5 apache\n' },
  authkeys: { file: 'authkeys', text: texts.authkeys ?? 'auth 1\n1 sha1 0123456789abcdef\n', mode: 0o600, ownerUid: 0 }
})
const findings = (texts: Parameters<typeof sources>[0]) => parseConfiguration(sources(texts), context).diagnostics.map(formatDiagnostic)

t.test('configuration: three good files -> one value, frozen all the way down', async t => {
  const result = parseConfiguration(sources(), context)
  if (!result.ok) throw new Error('not ok')
  const { configuration } = result
  t.strictSame(result.diagnostics, [])
  t.throws(() => Object.assign(configuration.cf, { udpport: 1 }), TypeError)
  t.throws(() => (configuration.cf.nodes as string[]).push('x'), TypeError)
  t.throws(() => Object.assign(configuration.groups[0]?.resources[0]?.position ?? {}, { line: 9 }), TypeError)
  t.throws(() => (configuration.keys.byId as Map<number, unknown>).delete(1), TypeError)
  t.throws(() => (configuration.keys.byId as Map<number, unknown>).set(2, {}), TypeError)
  t.equal(configuration.keys.byId.size, 1)
})

t.test('configuration: faults in all three files -> all reported at once', async t => {
  t.match(findings({ cf: 'node ha1 ha2\nbcast eth0 eth1\nauto_failback off\nkeepalive x\n', haresources: 'ha3 apache\n', authkeys: 'auth 1\n' }), [
    /^ha.cf:4:11: error: /, /^haresources:1:1: error: unknown node/, /^authkeys:1:6: error: key 1 does not exist/
  ])
})

t.test('configuration: an unreadable file -> its finding, and the others are still checked', async t => {
  const result = parseConfiguration({ ...sources({ authkeys: '' }), haCf: { file: 'ha.cf', unreadable: { what: 'gone', why: 'w', fix: 'f' } } }, context)
  t.equal(result.ok, false)
  t.match(result.diagnostics.map(formatDiagnostic), ['ha.cf:1:1: error: gone; w; f', /^authkeys:1:1: error: no `auth`/])
})

t.test('configuration: rules between files -> a link\'s address cannot float; no groups is worth a word', async t => {
  t.match(findings({ cf: 'node ha1 ha2\nucast eth0 10.0.0.5\nbcast eth1\nauto_failback off\n' }), [
    /^haresources:1:5: error: 10.0.0.5 is also the address of a heartbeat link \(ha.cf line 2\)/
  ])
  t.match(findings({ haresources: '# none\n' }), [/^haresources:1:1: info: no resource groups/])
})

t.test('configuration: random bytes, lines and pieces of good files -> never throws, positions within the file', async t => {
  const random = new Prng(20_240_501)
  const goodWords = [
    ...directiveNames, 'ha1', 'ha2', 'eth0', '10.0.0.5/24/eth0/10.0.0.255', '10.0.0.2', '2001:db8::5/64', 'IPaddr2::2001:db8::5', 'Filesystem::/dev/sdb1::/data', '::', ':', '/', '\\', '#', '"',
    ',', '500ms', '2', 'on', 'auth', '1', 'sha1', 'crc', 'key', '\r', '\t', '\u0000', '\uFEFF', 'é', '😀', '%', '-1', '999999999999999999999', '[::1]:/x', '...'
  ]
  const randomText = (): string => {
    const pieces: string[] = []
    for (let index = random.below(60); index > 0; index -= 1) {
      const kind = random.below(10)
      if (kind === 0) pieces.push(String.fromCharCode(random.below(0x180)))
      else if (kind < 3) pieces.push('\n')
      else pieces.push(random.pick(goodWords), random.pick(['', ' ', ' ', '\n', '::', '/']))
    }
    return pieces.join('')
  }
  for (let round = 0; round < 1000; round += 1) {
    const texts = { cf: randomText(), haresources: randomText(), authkeys: randomText() }
    const byFile = new Map([['ha.cf', texts.cf], ['haresources', texts.haresources], ['authkeys', texts.authkeys]])
    for (const { position } of parseConfiguration(sources(texts), context).diagnostics) {
      const line = byFile.get(position.file)?.split('\n')[position.line - 1]
      if (line === undefined || position.column < 1 || position.column > line.length + 1) {
        t.fail(`position ${JSON.stringify(position)} lies outside ${JSON.stringify(texts)}`)
        return
      }
    }
    for (const formatted of findings(texts)) if (/[\n\u0000-\u001f]/.test(formatted)) t.fail(`not one clean line: ${JSON.stringify(formatted)}`)
  }
  t.pass('1000 rounds')
})

t.test('configuration: a file of nothing but faults -> a bounded number of findings in bounded time', async t => {
  const many = findings({ cf: 'frobnicate 1\n'.repeat(20_000), haresources: 'x '.repeat(60_000) })
  t.ok(many.length < 500, String(many.length))
  t.match(many.some(line => line.includes('more findings follow')), true)
})

t.test('nearest name: small slips are recognised, strangers are not', async t => {
  for (const [typo, name] of [['keepalvie', 'keepalive'], ['deadtme', 'deadtime'], ['logfiel', 'logfile'], ['nodes', 'node'], ['acast', 'bcast'], ['autofailback', 'auto_failback']] as const) {
    t.equal(nearestName(typo, directiveNames), name, typo)
  }
  for (const stranger of ['frobnicate', 'x', '', 'z'.repeat(1000)]) t.equal(nearestName(stranger, directiveNames), null, stranger)
  t.equal(editDistance('ab', 'ba'), 1)
  t.equal(editDistance('', 'abc'), 3)
  t.equal(editDistance('abc', 'abc'), 0)
})
