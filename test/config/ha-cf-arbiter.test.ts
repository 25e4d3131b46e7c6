import t from 'tap'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { parseHaCf } from '../../src/config/ha-cf.js'

const base = 'node ha2 ha1\nbcast eth0\nbcast eth1\nauto_failback on\n'
const parse = (lines: string) => parseHaCf({ file: 'ha.cf', text: base + lines }, { nodeName: 'ha1' })
const findings = (lines: string): readonly string[] => parse(lines).diagnostics.map(formatDiagnostic)
const arbiter = (rest: string): readonly string[] => findings(`arbiter etcd ${rest}\n`)

t.test('arbiter: only a URL -> ttl 5 s, the port of etcd, keys under the names of both nodes', async t => {
  const { cf, diagnostics } = parse('arbiter etcd https://10.0.0.9\n')
  t.strictSame(diagnostics, [])
  t.match(cf?.arbiter, {
    kind: 'etcd', ttlMs: 5000, prefix: '/heartbeat/ha1+ha2', user: null, passwordFile: null, caFile: null, certFile: null, keyFile: null,
    endpoints: [{ url: 'https://10.0.0.9:2379', isTls: true, host: '10.0.0.9', port: 2379 }], position: { line: 5, column: 1 }
  })
})

t.test('arbiter: every option, members of both address families -> as written', async t => {
  const { cf, diagnostics } = parse('arbiter etcd https://10.0.0.9:2379,https://[2001:db8::9]:12379/ ttl=10 user=hb password-file=/etc/ha.d/etcd ca=/a cert=/b key=/c prefix=/ha/web\n')
  t.strictSame(diagnostics, [])
  t.match(cf?.arbiter, { ttlMs: 10_000, prefix: '/ha/web', user: 'hb', passwordFile: '/etc/ha.d/etcd', caFile: '/a', certFile: '/b', keyFile: '/c' })
  t.strictSame(cf?.arbiter?.endpoints.map(({ url, host, port }) => [url, host, port]), [['https://10.0.0.9:2379', '10.0.0.9', 2379], ['https://[2001:db8::9]:12379', '2001:db8::9', 12379]])
})

t.test('arbiter: absent -> none', async t => t.equal(parse('').cf?.arbiter, null))

t.test('arbiter: http -> a warning, unless it never leaves this host', async t => {
  t.match(arbiter('http://10.0.0.9:2379'), [/^ha.cf:5:14: warning: http:\/\/10.0.0.9:2379 is not encrypted; whoever is on the wire/])
  for (const url of ['http://127.0.0.1:2379', 'http://[::1]:2379', 'http://localhost:2379']) t.strictSame(arbiter(url), [], url)
  t.match(arbiter('http://127.0.0.1 ca=/a'), [/^ha.cf:5:34: warning: `ca=` has no effect/])
})

t.test('arbiter: a name instead of an address -> said', async t => {
  t.match(arbiter('https://etcd.example:2379'), [/info: `etcd.example` is a name; it is looked up for each connection/])
})

t.test('arbiter: what is no URL of a member -> refused at its place', async t => {
  for (const url of ['10.0.0.9:2379', 'ftp://10.0.0.9', 'https://10.0.0.9:0', 'https://10.0.0.9:65536', 'https://10.0.0.999:1', 'https://u:p@10.0.0.9', 'https://10.0.0.9/v3', 'https://[::g]:1', 'https://']) {
    t.match(arbiter(url), [/^ha.cf:5:14: error: .* is not the URL of an etcd member; /], url)
  }
  t.match(arbiter('https://10.0.0.9,'), [/^ha.cf:5:31: error: `` is not the URL/])
  t.match(arbiter('https://10.0.0.9,https://10.0.0.9:2379'), [/^ha.cf:5:31: warning: https:\/\/10.0.0.9:2379 is listed again/])
})

t.test('arbiter: ttl -> whole seconds from 2 to 60', async t => {
  const ttl = (value: string): readonly string[] => arbiter(`https://10.0.0.9 ttl=${value}`)
  for (const good of ['2', '60', '2000ms']) t.strictSame(ttl(good), [], good)
  t.match(ttl('2.5'), [/^ha.cf:5:35: error: ttl 2500ms is no whole number of seconds; .*write `ttl=3`/])
  t.match(ttl('1'), [/error: ttl 1s is too short/])
  t.match(ttl('61'), [/error: ttl 61s is too long/])
  t.match(ttl('soon'), [/error: ttl cannot be `soon`/])
})

t.test('arbiter: halves of a pair, unknown and repeated options, strange values -> refused', async t => {
  const url = 'https://10.0.0.9'
  t.match(arbiter(`${url} user=hb`), [/error: `user=` without `password-file=`/])
  t.match(arbiter(`${url} password-file=/x`), [/error: `password-file=` without `user=`/])
  t.match(arbiter(`${url} cert=/x`), [/error: `cert=` without `key=`/])
  t.match(arbiter(`${url} tll=5`), [/error: `arbiter` cannot be `tll=5`; .*did you mean `ttl`\?/])
  t.match(arbiter(`${url} ttl`), [/error: `arbiter` cannot be `ttl`; a value is missing/])
  t.match(arbiter(`${url} ttl=`), [/error: `ttl=` has no value/])
  t.match(arbiter(`${url} ttl=5 ttl=6`), [/^ha.cf:5:37: error: `ttl=` is given twice/])
  t.match(arbiter(`${url} ca=etc/ca.pem`), [/error: `ca=` cannot be `etc\/ca.pem`; .*whole path/])
  for (const prefix of ['web', '/', '/a//b', '/a/', '/a b'.replace(' ', '\u00e4')]) t.match(arbiter(`${url} prefix=${prefix}`), [/error: prefix cannot be/], prefix)
})

t.test('arbiter: no kind, another kind, no URL, a second line -> refused', async t => {
  t.match(findings('arbiter\n'), [/error: `arbiter` has no value; .*write `arbiter etcd URL/])
  t.match(findings('arbiter consul http://10.0.0.9\n'), [/^ha.cf:5:9: error: `consul` is no arbiter/])
  t.match(findings('arbiter etcd\n'), [/error: `arbiter etcd` names no URL/])
  t.match(findings('arbiter etcd https://10.0.0.8\narbiter etcd https://10.0.0.9\n'), [/^ha.cf:6:1: error: a second `arbiter` \(first on line 5\)/])
})
