import t from 'tap'
import { readDetails, readOffer, writeDetails, writeOffer, type Offer } from '../../src/agreement/details-text.js'
import { differencesBetween, differencesOfDigests, type Details } from '../../src/agreement/differences.js'
import { agreementOf, detailsOf } from '../../src/agreement/digests.js'
import { isOwnLine, sharedText, withShared } from '../../src/agreement/shared-ha-cf.js'
import { unifiedDiff } from '../../src/agreement/unified.js'
import { parseAuthkeys } from '../../src/config/authkeys.js'
import { parseHaresources } from '../../src/config/haresources.js'
import type { AuthKeys, ResourceGroup } from '../../src/config/types.js'

const names = { mine: 'ha1', theirs: 'ha2' }

function groups(text: string): readonly ResourceGroup[] {
  const parsed = parseHaresources({ file: 'haresources', text }, { nodes: ['ha1', 'ha2'] })
  if (parsed.groups === null) throw new Error(JSON.stringify(parsed.diagnostics))
  return parsed.groups
}

function keys(text: string): AuthKeys {
  const parsed = parseAuthkeys({ file: 'authkeys', text, mode: 0o600, ownerUid: 0 }, { uid: 0 })
  if (parsed.keys === null) throw new Error(JSON.stringify(parsed.diagnostics))
  return parsed.keys
}

const scripts = [{ name: 'IPaddr', style: 'r1', digest: '0123456789ab' }]
const someKeys = keys('auth 1\n1 sha256 a-secret-of-sixteen\n2 sha1 another-secret-of-it\n')
const parts = (text: string, more: { readonly keys?: AuthKeys; readonly version?: string } = {}): Parameters<typeof agreementOf>[0] => ({ version: '1.0', groups: groups(text), keys: someKeys, scripts, ...more })
const details = (text: string, more: { readonly keys?: AuthKeys } = {}): Details => detailsOf(parts(text, more), someKeys.active, 'nonce')
const texts = (own: Details, theirs: Details): readonly string[] => differencesBetween(own, theirs, names).map(one => one.text)

t.test('digests: comments, blanks, continued lines and the order of lines -> do not count', async t => {
  const one = agreementOf(parts('ha1 10.0.0.5 apache\nha2 10.0.0.6\n'))
  const other = agreementOf(parts('# the second first\nha2    10.0.0.6\nha1 10.0.0.5 \\\n   apache # web\n'))
  t.strictSame(one, other)
  t.not(one.haresources, agreementOf(parts('ha2 10.0.0.5 apache\nha2 10.0.0.6\n')).haresources, 'a home does')
})

t.test('digests: a secret, a method, or the key that signs changes -> the digest of authkeys does, and none of the others', async t => {
  const base = agreementOf(parts('ha1 10.0.0.5\n'))
  for (const text of [
    'auth 1\n1 sha256 a-secret-of-sixteen\n2 sha1 another-secret-of-IT\n',
    'auth 1\n1 sha256 a-secret-of-sixteen\n2 md5 another-secret-of-it\n',
    'auth 2\n1 sha256 a-secret-of-sixteen\n2 sha1 another-secret-of-it\n',
    'auth 1\n1 sha256 a-secret-of-sixteen\n'
  ]) {
    const changed = agreementOf(parts('ha1 10.0.0.5\n', { keys: keys(text) }))
    t.not(changed.authkeys, base.authkeys, text)
    t.strictSame({ ...changed, authkeys: '' }, { ...base, authkeys: '' })
  }
})

t.test('digests: signing with crc, which is no secret -> nothing that goes out depends on any secret', async t => {
  const crc = (secret: string): AuthKeys => keys(`auth 1\n1 crc\n2 sha1 ${secret}\n`)
  t.equal(agreementOf(parts('', { keys: crc('one-secret-of-twenty') })).authkeys, agreementOf(parts('', { keys: crc('two-secret-of-twenty') })).authkeys)
  t.strictSame(detailsOf(parts('', { keys: crc('one-secret-of-twenty') }), crc('x-secret-of-twenty').active, 'n').keys.map(key => key.check), ['', ''])
})

t.test('digests: the same key under another nonce or another asking key -> another check value', async t => {
  const [first] = detailsOf(parts(''), someKeys.active, 'n1').keys
  const [again] = detailsOf(parts(''), someKeys.active, 'n2').keys
  const [under] = detailsOf(parts(''), someKeys.byId.get(2) ?? someKeys.active, 'n1').keys
  t.equal(new Set([first?.check, again?.check, under?.check]).size, 3)
})

t.test('differences: equal nodes -> none', async t => {
  t.strictSame(texts(details('ha1 10.0.0.5 apache\n'), details('\n\nha1 10.0.0.5   apache\n')), [])
})

t.test('differences: a line written differently, and one missing on each node -> each named with its line on both', async t => {
  t.strictSame(texts(details('ha1 10.0.0.5 apache\nha1 10.0.0.7\n'), details('ha2 10.0.0.6\nha1 10.0.0.5 nginx\n')), [
    'haresources differs: ha1 line 1 `ha1 10.0.0.5 apache`, ha2 line 2 `ha1 10.0.0.5 nginx`',
    'haresources differs: ha1 line 2 `ha1 10.0.0.7` is missing on ha2',
    'haresources differs: ha2 line 1 `ha2 10.0.0.6` is missing on ha1'
  ])
})

t.test('differences: keys -> named by number, method and who signs, never by secret', async t => {
  const theirs = keys('auth 3\n1 sha256 a-secret-of-SIXTEEN\n2 md5 another-secret-of-it\n3 sha512 a-third-secret-of-it\n')
  t.strictSame(texts(details(''), details('', { keys: theirs })), [
    'authkeys differs: key 1 (sha256) is not the same key on ha1 and ha2',
    'authkeys differs: key 2 is sha1 on ha1 and md5 on ha2',
    'authkeys differs: key 3 (sha512) is on ha2 only',
    'authkeys differs: ha1 signs with key 1, ha2 with key 3'
  ])
})

t.test('differences: a script with other content, called otherwise, or missing -> named; one that only one node uses -> not', async t => {
  const with_ = (one: readonly Details['scripts'][number][]): Details => ({ ...details(''), scripts: one })
  const own = with_([{ name: 'a', style: 'r1', digest: '1' }, { name: 'b', style: 'r1', digest: '1' }, { name: 'c', style: 'missing', digest: '' }, { name: 'd', style: 'r1', digest: '1' }])
  const theirs = with_([{ name: 'a', style: 'r1', digest: '2' }, { name: 'b', style: 'lsb', digest: '1' }, { name: 'c', style: 'r1', digest: '1' }, { name: 'e', style: 'r1', digest: '1' }])
  t.strictSame(texts(own, theirs), ['scripts differ: a is 1 on ha1 and 2 on ha2', 'scripts differ: b is 1 on ha1 and 1 (init script) on ha2', 'scripts differ: c is missing on ha1 and 1 on ha2'])
})

t.test('differences: a thousand lines, control characters, a line of 10,000 letters -> counted, shown safely, cut', async t => {
  const many: Details = { ...details(''), haresources: Array.from({ length: 1000 }, (_, at) => ({ line: at + 1, key: `10.0.${at >> 8}.${at & 255}`, text: 'ha1 apache' })) }
  const found = texts(many, details(''))
  t.equal(found.length, 41)
  t.match(found.at(-1), /960 more/)
  const odd: Details = { ...details(''), haresources: [{ line: 1, key: 'k', text: `\u001b[2J${'x'.repeat(10_000)}` }] }
  const [text = ''] = texts(details(''), odd)
  t.notMatch(text, /\u001b/)
  t.ok(text.length < 400)
})

t.test('differences: versions -> an info; digests without details -> said with the reason', async t => {
  const own = agreementOf(parts('ha1 10.0.0.5\n'))
  t.strictSame(differencesOfDigests(own, { ...own, version: '0.9' }, 'ha2', null), [{ topic: 'version', level: 'info', text: 'ha2 runs version 0.9, this node 1.0' }])
  t.strictSame(differencesOfDigests(own, { ...own, scripts: 'x' }, 'ha2', 'ha2 did not answer').map(one => `${one.level} ${one.text}`), ['warn scripts differ on ha2; ha2 did not answer'])
})

t.test('details and offers: written and read -> the same; garbage, wrong types, too much, names outside the folder -> null', async t => {
  const some = details('ha1 10.0.0.5 apache\n')
  t.strictSame(readDetails(writeDetails(some)), some)
  for (const bad of ['', 'null', '[]', '{}', '{"signsWith":1,"keys":[],"scripts":[],"haresources":[{"line":-1,"key":"","text":""}]}', '{"signsWith":1,"keys":{},"scripts":[],"haresources":[]}']) {
    t.equal(readDetails(Buffer.from(bad)), null, bad)
  }
  const file = { name: 'resource.d/app', bytes: 3, sha256: 'a'.repeat(64), mode: 0o755 }
  const offer: Offer = { files: [file], withheld: ['resource.d/x is a symbolic link'] }
  t.strictSame(readOffer(writeOffer(offer)), offer)
  for (const name of ['authkeys', '../ha.cf', 'resource.d/../authkeys', 'resource.d/.lib.sh', 'resource.d/a/b', '/etc/passwd', 'resource.d/', 'resource.d/a\n', 'resource.d/haresources.~1~']) {
    t.equal(readOffer(writeOffer({ files: [{ ...file, name }], withheld: [] })), null, JSON.stringify(name))
  }
  t.equal(readOffer(writeOffer({ files: [file, file], withheld: [] })), null, 'twice the same')
  t.equal(readOffer(writeOffer({ files: [{ ...file, bytes: 1024 * 1024 + 1 }], withheld: [] })), null)
  t.equal(readOffer(writeOffer({ files: [{ ...file, mode: 0o4755 }], withheld: [] })), null, 'a set-user-id bit')
  t.equal(readOffer(writeOffer({ files: Array.from({ length: 65 }, (_, at) => ({ ...file, name: `resource.d/a${at}` })), withheld: [] })), null)
})

t.test('unified diff: lines changed, added, removed -> as diff -u writes them', async t => {
  const before = Array.from({ length: 20 }, (_, at) => `line ${at + 1}`).join('\n') + '\n'
  const after = before.replace('line 3\n', '').replace('line 17\n', 'line 17\nnew\n')
  t.strictSame(unifiedDiff(before, after, { before: 'a', after: 'b' }), [
    '--- a', '+++ b',
    '@@ -1,6 +1,5 @@', ' line 1', ' line 2', '-line 3', ' line 4', ' line 5', ' line 6',
    '@@ -15,6 +14,7 @@', ' line 15', ' line 16', ' line 17', '+new', ' line 18', ' line 19', ' line 20'
  ])
  t.strictSame(unifiedDiff('', 'x\n', { before: 'a', after: 'b' }), ['--- a', '+++ b', '@@ -0,0 +1,1 @@', '+x'])
  t.strictSame(unifiedDiff('x', 'x\n', { before: 'a', after: 'b' }), ['--- a', '+++ b', '@@ only the line end at the end of the file differs @@'])
  t.strictSame(unifiedDiff(before, before, { before: 'a', after: 'b' }), [])
  const long = (word: string): string => Array.from({ length: 3000 }, (_, at) => `${word} ${at}\n`).join('')
  t.equal(unifiedDiff(long('a'), long('b'), { before: 'a', after: 'b' }).length, 6003, 'too long to compare: replaced as a whole')
})

const mine = '# ours\nnode ha1 ha2\nucast eth0 10.0.0.2\nbcast eth1\nkeepalive 1\nstonith_host ha2 external/ipmi ha2 10.0.0.9 admin SECRET\ndeadtime 10\n'
const other = '# theirs\nnode ha1 ha2\nUcast eth5 10.0.0.1\nkeepalive 2\n  stonith_host ha1 external/ipmi ha1 10.0.0.8 admin SECRET\ndeadtime 10\nauto_failback off\n'

t.test('ha.cf: the other node sends it -> without links and fencing devices', async t => {
  t.equal(sharedText(other), '# theirs\nnode ha1 ha2\nkeepalive 2\ndeadtime 10\nauto_failback off\n')
  t.ok(isOwnLine('\tmcast eth0 239.0.0.1 694 1 0'))
  t.notOk(isOwnLine('# ucast eth0 10.0.0.1'))
})

t.test('ha.cf: their shared lines taken over -> our links and devices stay where they stood', async t => {
  t.equal(withShared(mine, sharedText(other)), '# theirs\nnode ha1 ha2\nucast eth0 10.0.0.2\nbcast eth1\nkeepalive 2\nstonith_host ha2 external/ipmi ha2 10.0.0.9 admin SECRET\ndeadtime 10\nauto_failback off\n')
  t.equal(withShared(mine, sharedText(mine)), mine, 'nothing differs: not a byte changes')
  t.notMatch(withShared(mine, 'ucast eth9 6.6.6.6\n'), /eth9/, 'a link that is sent all the same is not taken')
})
