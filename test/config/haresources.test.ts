import t from 'tap'
import { canonical, parseIp, parseMask } from '../../src/config/address.js'
import { formatDiagnostic, groupDigest, keyId } from '../../src/config/configuration.js'
import { parseHaresources } from '../../src/config/haresources.js'

const parse = (text: string, nodes: readonly string[] = ['ha1', 'ha2']) => parseHaresources({ file: 'haresources', text }, { nodes })
const findings = (text: string) => parse(text).diagnostics.map(formatDiagnostic)

/** Type and arguments of each resource of the first group. */
const resources = (text: string) => {
  const { groups, diagnostics } = parse(text)
  if (groups === null) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return groups[0]?.resources.map(resource => [resource.type, ...resource.args])
}

t.test('haresources: the classic line -> home, key and resources in order', async t => {
  const { groups, diagnostics } = parse('HA1 9.22.7.46 Filesystem::hanfs.haw2.ibm.com:/ha::/ha::nfs::rw,hard mqseries\n')
  t.strictSame(diagnostics, [])
  t.match(groups, [{
    home: 'ha1',
    key: '9.22.7.46',
    position: { line: 1, column: 1 },
    resources: [
      { word: '9.22.7.46', type: 'IPaddr', args: ['9.22.7.46'], position: { column: 5 } },
      { type: 'Filesystem', args: ['hanfs.haw2.ibm.com:/ha', '/ha', 'nfs', 'rw,hard'], position: { column: 15 } },
      { type: 'mqseries', args: [] }
    ]
  }])
})

t.test('haresources: comments, continuation and blanks -> one logical line, positions of the physical ones', async t => {
  const { groups, diagnostics } = parse('# all\n\n\tha1   10.0.0.5\\\n   apache \\\n  MailTo::root # comment\nha2 10.0.0.6#c\n')
  t.strictSame(diagnostics, [])
  t.strictSame(groups?.map(group => group.resources.map(resource => [resource.word, resource.position.line, resource.position.column])), [
    [['10.0.0.5', 3, 8], ['apache', 4, 4], ['MailTo::root', 5, 3]],
    [['10.0.0.6', 6, 5]]
  ])
  t.match(findings('ha1 a \\ # more\n  b\n'), [/^haresources:1:7: warning: something follows the `\\`/])
  t.match(resources('ha1 a \\ # more\n  b\n'), [['a'], ['b']])
  t.match(findings('ha1 a \\'), [/warning: the file ends with a `\\`/])
  t.match(findings('ha1 a \\\n# stop\n  b c\n'), [/^haresources:3:3: error: unknown node `b`;.*end the line before with/])
  t.strictSame(parse('').groups, [])
  t.strictSame(parse('# nothing\n\n').groups, [])
})

t.test('haresources: address words -> IPaddr as in Linux-HA, IPaddr2 for IPv6', async t => {
  for (const word of ['10.0.0.5', '10.0.0.5/24', '10.0.0.5/24/eth0', '10.0.0.5/24/eth0/10.0.0.255', '10.0.0.5/24/eth0:web', '10.0.0.5/24/eth0:web/10.0.0.255', '10.0.0.5/24/10.0.0.255', '10.0.0.5/255.255.255.0/eth0']) {
    t.strictSame(findings(`ha1 ${word}\n`), [], word)
    t.strictSame(resources(`ha1 ${word}\n`), [['IPaddr', word]], word)
  }
  for (const word of ['2001:db8::5', '2001:db8::5/64', '2001:db8::5/64/eth0', '2001:db8:0:0:0:0:0:5', 'fe80::5/64/eth0', '::ffff:10.0.0.5']) {
    t.strictSame(findings(`ha1 ${word}\n`), [], word)
    t.strictSame(resources(`ha1 ${word}\n`), [['IPaddr2', word]], word)
  }
})

t.test('haresources: IPv6 within `::` words -> the address stays whole', async t => {
  for (const [word, ...expected] of [
    ['IPv6addr::2001:db8::5/64/eth0', 'IPv6addr', '2001:db8::5/64/eth0'],
    ['IPaddr2::2001:db8::5', 'IPaddr2', '2001:db8::5'],
    ['IPaddr::2001:db8::5/64', 'IPaddr', '2001:db8::5/64'],
    ['IPaddr2::2001:db8:1:2:3:4:5:6/64/eth0', 'IPaddr2', '2001:db8:1:2:3:4:5:6/64/eth0'],
    ['IPaddr2::2001:db8::5/64/eth0::extra', 'IPaddr2', '2001:db8::5/64/eth0', 'extra'],
    ['IPaddr2::::ffff:10.0.0.5::extra', 'IPaddr2', '::ffff:10.0.0.5', 'extra'],
    ['SendArp::2001:db8::5/eth0', 'SendArp', '2001:db8::5/eth0'],
    ['Filesystem::[2001:db8::9]:/export::/data::nfs', 'Filesystem', '[2001:db8::9]:/export', '/data', 'nfs'],
    ['script::2001:db8::5', 'script', '2001:db8', '5']
  ] as const) {
    t.strictSame(findings(`ha1 ${word}\n`), [], word)
    t.strictSame(resources(`ha1 ${word}\n`), [expected], word)
  }
})

t.test('haresources: faulty addresses -> refused with the place and the right form', async t => {
  for (const [word, column, what] of [
    ['10.0.0.256', 5, /not an IP address/], ['10.0.0', 5, /not an IP address/], ['10.0.0.05', 5, /without leading zeros/], ['10.0.0.5x/24', 5, /not an IP address/],
    ['10.0.0.5%eth0', 13, /write the interface behind the prefix/],
    ['10.0.0.5/33', 14, /no network mask/], ['10.0.0.5/0', 14, /no network mask/], ['10.0.0.5/255.0.255.0', 14, /no network mask/], ['10.0.0.5/eth0', 14, /the mask stands between/],
    ['10.0.0.0/24', 5, /the network's own address/], ['10.0.0.255/24', 5, /broadcast address with mask/],
    ['10.0.0.5/24/eth0/10.0.1.255', 22, /outside the network/], ['10.0.0.5/24/10.0.1.255', 17, /outside the network/],
    ['10.0.0.5/24/eth0/x', 22, /no broadcast address/], ['10.0.0.5/24/eth0/10.0.0.255/x', 33, /one part too many/],
    ['10.0.0.5/24/abcdefghijklmnop', 17, /no interface/], ['10.0.0.5/24/abcdefgh:jklmnop', 17, /longer than 15/], ['10.0.0.5/24/eth0:', 17, /no interface/],
    ['224.0.0.5/24', 5, /multicast/], ['0.0.0.0', 5, /unspecified/], ['255.255.255.255', 5, /broadcast/],
    ['IPaddr', 5, /has no address/], ['IPaddr::web', 13, /not an IP address/], ['IPv6addr::10.0.0.5', 15, /brings up IPv6 addresses only/],
    ['2001:db8::5/129', 17, /no network mask/], ['2001:db8::/64', 5, /the network's own address/], ['fe80::5', 5, /link-local/], ['ff02::1', 5, /multicast/],
    ['2001:db8::5/64/eth0:web', 25, /only IPv4 addresses have labels/], ['2001:db8::5::1/64', 5, /not an IP address/], ['2001:db8::5/64/eth0/10.0.0.1', 25, /IPv6 has no broadcast/]
  ] as const) {
    const [first] = parse(`ha1 ${word}\n`).diagnostics
    t.match(first && formatDiagnostic(first), what, word)
    t.equal(first?.position.column, column, `${word}: column`)
    t.equal(first?.severity, 'error', word)
  }
  t.match(findings('ha1 10.0.0.5/24/eth0/10.0.0.127\n'), [/warning: 10.0.0.127 is not the broadcast address of 10.0.0.5\/24.*write `10.0.0.255`/])
  t.match(findings('ha1 127.0.0.5/8/lo\n'), [/warning: 127.0.0.5 is a loopback address/])
  t.strictSame(findings('ha1 10.0.0.0/31 10.0.0.1/31 10.0.0.9/32\n'), [])
})

t.test('haresources: words that cannot be resources -> refused with a hint', async t => {
  t.match(findings('ha1 Filesystem::/dev/sdb1::::ext4\n'), [/^haresources:1:28: error: `Filesystem` has an empty argument.*delete one `::`/])
  t.match(findings('ha1 Filesystem::/dev/sdb1:: /data\n'), [/^haresources:1:28: error: .*delete the last `::`, or, if a blank follows it/, /^haresources:1:29: error: `\/data` cannot be the name of a script.*join them with `::`/])
  t.match(findings('ha1 MailTo::root::"Hello World"\n'), [/error: `"` has no meaning here; it looks as if an argument should contain a blank/, /error: `"` has|cannot be the name/].slice(0, 1))
  t.match(findings('ha1 MailTo::root::"Hello"\n'), [/warning: `"` has no meaning here/])
  t.match(findings('ha1 MailTo::root::Hello\\ World\n'), [/error: .* has no meaning here/])
  t.match(findings('ha1 IPaddr:10.0.0.5\n'), [/^haresources:1:11: error: a single `:` follows `IPaddr`.*write `IPaddr::10.0.0.5`/])
  t.match(findings('ha1 ocf:heartbeat:apache\n'), [/Pacemaker's way.*write the script's own name, e.g. `apache`/])
  for (const word of ['../x', '-x', '::x', '/etc/init.d/apache', '.hidden']) t.match(findings(`ha1 ${word}\n`), [/error: /], word)
})

t.test('haresources: home nodes -> any case is known; an unknown one gets the nearest name', async t => {
  t.strictSame(findings('Ha2 apache\n'), [])
  t.match(findings('hal apache\n'), [/^haresources:1:1: error: unknown node `hal`;.*did you mean `ha1`\?/])
  t.match(findings('ha1.example.com apache\n'), [/write `ha1`, the name as in ha.cf/])
  t.match(findings('10.0.0.5 apache\n'), [/unknown node `10.0.0.5`;.*begin the line with ha1 or ha2/])
  t.match(findings('ha1\n'), [/^haresources:1:1: error: no resources follow `ha1`/])
  t.strictSame(parse('other apache\n', []).diagnostics, [], 'without nodes the names are not checked')
})

t.test('haresources: one thing in two places -> refused where it would be destroyed, warned about where it gets in the way', async t => {
  t.match(findings('ha1 apache\nha2 apache x\n'), [/^haresources:2:5: error: a group that begins with `apache` exists already \(line 1\)/])
  t.match(findings('ha1 10.0.0.5/24\nha2 IPaddr2::10.0.0.5/24/eth0\n'), [/^haresources:2:5: error: address 10.0.0.5 stands twice \(first on line 1\)/])
  t.match(findings('ha1 2001:db8::5\nha2 IPv6addr::2001:db8:0::5\n'), [/^haresources:2:5: error: address 2001:db8:0::5 stands twice/])
  t.match(findings('ha1 a 10.0.0.5 10.0.0.5/24\n'), [/a group starts each resource once/])
  t.match(findings('ha1 a Filesystem::/dev/sdb1::/a\nha2 b Filesystem::/dev/sdb1::/b\n'), [/error: device `\/dev\/sdb1` stands twice.*destroyed/])
  t.match(findings('ha1 a Filesystem::/dev/sdb1::/a\nha2 b Filesystem::/dev/sdb2::/a/\n'), [/error: mount point `\/a\/` stands twice/])
  t.strictSame(findings('ha1 a Filesystem::nas:/x::/a\nha2 b Filesystem::nas:/x::/b\n'), [])
  t.match(findings('ha1 10.0.0.5 apache\nha2 10.0.0.6 apache\n'), [/^haresources:2:14: warning: `apache` stands twice/])
  t.strictSame(findings('ha1 10.0.0.5 MailTo::root Delay\nha2 10.0.0.6 MailTo::root Delay\n'), [])
  t.strictSame(findings('ha1 10.0.0.5 IPsrcaddr::10.0.0.5\nha2 10x0x0x5 IPsrcaddr::10.0.0.6\n'), [], 'a key is no regular expression')
})

t.test('haresources: 64 groups of 64 resources -> accepted, one more of either refused', async t => {
  const groups = (count: number) => Array.from({ length: count }, (_, index) => `ha1 s${index}\n`).join('')
  t.equal(parse(groups(64)).groups?.length, 64)
  t.equal(parse(groups(65)).groups, null)
  const words = (count: number) => `ha1 ${Array.from({ length: count }, (_, index) => `s${index}`).join(' ')}\n`
  t.equal(parse(words(64)).groups?.length, 1)
  t.equal(parse(words(65)).groups, null)
})

t.test('group digest: white space, comments and case of the home do not change it, words do', async t => {
  const digest = (text: string) => (parse(text).groups ?? []).map(groupDigest)[0]
  t.match(digest('ha1 10.0.0.5 apache\n'), /^[0-9a-f]{8}$/)
  t.equal(digest('ha1 10.0.0.5 apache\n'), digest('# x\nHA1 \\\n\t10.0.0.5   \\\n apache # y\n'))
  t.not(digest('ha1 10.0.0.5 apache\n'), digest('ha2 10.0.0.5 apache\n'))
  t.not(digest('ha1 10.0.0.5 apache\n'), digest('ha1 apache 10.0.0.5\n'))
  t.equal(keyId({ key: '10.0.0.5' }), keyId({ key: '10.0.0.5' }))
  t.match(keyId({ key: '10.0.0.5' }), /^[0-9a-f]{8}$/)
})

t.test('addresses: every text form of one address -> one value; no other text is an address', async t => {
  const text = (form: string) => {
    const address = parseIp(form)
    return address === null ? null : canonical(address)
  }
  for (const form of ['2001:db8::1', '2001:DB8:0:0::1', '2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::0.0.0.1']) t.equal(text(form), '2001:0db8:0000:0000:0000:0000:0000:0001', form)
  t.equal(text('::'), '0000:0000:0000:0000:0000:0000:0000:0000')
  t.equal(text('1:2:3:4:5:6:7::'), '0001:0002:0003:0004:0005:0006:0007:0000')
  for (const form of ['', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8:9', '12345::', 'g::', ':1::', '1::2:', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '::1.2.3', '1.2.3.4::']) t.equal(text(form), null, form)
  t.strictSame(['24', '255.255.255.0', '0.0.0.0', '255.255.255.255', '255.255.0.255', '33'].map(mask => parseMask(mask, 4)), [24, 24, 0, 32, null, null])
})
