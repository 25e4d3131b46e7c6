import t from 'tap'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { directives } from '../../src/config/directives.js'
import { parseHaCf } from '../../src/config/ha-cf.js'
import { parseBoolean, parseTime } from '../../src/config/values.js'

const parse = (text: string, nodeName = 'ha1') => parseHaCf({ file: 'ha.cf', text }, { nodeName })

const base = 'node ha1 ha2\nbcast eth0\nbcast eth1\nauto_failback on\n'

/** The findings of the base file with more lines (from line 5 on), as printed. */
const findingsWith = (lines: string): readonly string[] => parse(base + lines).diagnostics.map(formatDiagnostic)
const cfWith = (lines: string) => {
  const { cf, diagnostics } = parse(base + lines)
  if (cf === null) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return cf
}

t.test('ha.cf: only the necessary lines -> every default is Linux-HA\'s or ours', async t => {
  const { cf, diagnostics } = parse(base)
  t.strictSame(diagnostics, [])
  t.match(cf, {
    nodes: ['ha1', 'ha2'], keepaliveMs: 1000, deadtimeMs: 30_000, warntimeMs: 15_000, initdeadMs: 30_000, udpport: 694, autoFailback: 'on',
    logfile: '/var/log/ha-log', debugfile: null, logfacility: null, watchdog: null, debug: 0, realtime: true, rtprio: null, hopfudge: 1,
    startTimeoutMs: 60_000, stopTimeoutMs: 60_000, statusTimeoutMs: 20_000, stopRetries: 3, stopRetryDelayMs: 1000
  })
  t.strictSame(cf?.media.map(medium => [medium.kind, medium.name, medium.port]), [['bcast', 'eth0', 694], ['bcast', 'eth1', 694]])
})

t.test('ha.cf: every directive acted on -> its value, and recorded as written', async t => {
  const cf = cfWith(`ucast eth1 10.0.0.1
ucast eth1 10.0.0.2
mcast eth0 239.0.0.42 6000 1 0
keepalive 100ms   # a comment
warntime\t400MS
deadtime .5
initdead 10
logfile /tmp/a
debugfile /tmp/b
logfacility LOCAL0
debug 255
realtime Off
rtprio 99
hopfudge 0
env RACK=7
start_timeout 90
stop_timeout 1.5
status_timeout 500ms
stop_retries 0
stop_retry_delay 0
`)
  t.match(cf, {
    keepaliveMs: 100, warntimeMs: 400, deadtimeMs: 500, initdeadMs: 10_000, logfile: '/tmp/a', debugfile: '/tmp/b', logfacility: 'local0', debug: 255,
    realtime: false, rtprio: 99, hopfudge: 0, startTimeoutMs: 90_000, stopTimeoutMs: 1500, statusTimeoutMs: 500, stopRetries: 0, stopRetryDelayMs: 0
  })
  t.match(cf.media.slice(2), [
    { kind: 'ucast', name: 'eth1', address: '10.0.0.1', port: 694 },
    { kind: 'ucast', name: 'eth1', address: '10.0.0.2', port: 694 },
    { kind: 'mcast', name: 'eth0', group: '239.0.0.42', port: 6000, ttl: 1, loop: false }
  ])
  t.match(cf.recorded, { keepalive: '100ms', warntime: '400MS', auto_failback: 'on', RACK: '7' })
  t.notOk('node' in cf.recorded)
})

t.test('ha.cf: several values, commas, comments and case -> as Linux-HA reads them', async t => {
  const { cf, diagnostics } = parse('node HA1,ha2 # two\n\tbcast eth0 , eth1\nauto_failback,off\n\n#x\n')
  t.strictSame(diagnostics, [])
  t.strictSame(cf?.nodes, ['ha1', 'ha2'])
  t.equal(cf?.media.length, 2)
  t.equal(cf?.autoFailback, 'off')
})

t.test('ha.cf: initdead not given -> Linux-HA\'s table by deadtime', async t => {
  const initdead = (deadtime: string) => cfWith(`deadtime ${deadtime}\n`).initdeadMs
  t.equal(initdead('5.999'), 12_000)
  t.equal(initdead('6'), 12_000)
  t.equal(initdead('6.5'), 13_000)
  t.equal(initdead('10'), 20_000)
  t.equal(initdead('10.001'), 10_001)
})

t.test('times: each spelling -> milliseconds, or what to write', async t => {
  const ms = (text: string) => {
    const parsed = parseTime(text)
    return parsed.ok ? parsed.value : parsed.fix
  }
  for (const [text, value] of [
    ['2', 2000], ['1.5', 1500], ['2.', 2000], ['.25', 250], ['0', 0], ['500ms', 500], ['500MS', 500], ['499us', 0], ['500us', 1], ['1500Us', 2], ['1.5ms', 2],
    ['2147483', 2_147_483_000], ['2147483647ms', 2_147_483_647]
  ] as const) t.equal(ms(text), value, text)
  t.equal(ms('2147483648ms'), 'write at most 2147483 seconds')
  t.equal(ms('2s'), 'write `2`: a number alone means seconds')
  for (const text of ['', 'x', '-1', '2x', '1e3', '1..2', '+1', 'ms', '0x10', '٣']) t.type(ms(text), 'string', text)
})

t.test('booleans: Linux-HA\'s words in any case', async t => {
  for (const text of ['true', 'ON', 'Yes', 'y', '1']) t.match(parseBoolean(text), { ok: true, value: true }, text)
  for (const text of ['false', 'OFF', 'No', 'n', '0']) t.match(parseBoolean(text), { ok: true, value: false }, text)
  for (const text of ['', 'maybe', '2', 'onn']) t.match(parseBoolean(text), { ok: false }, text)
})

t.test('ha.cf: both sides of every bound -> refused beyond, accepted at', async t => {
  for (const [good, bad] of [
    ['keepalive 10ms', 'keepalive 9ms'],
    ['keepalive 10\ndeadtime 20.001', 'keepalive 10\ndeadtime 20'],
    ['deadtime 5\nwarntime 4.999', 'deadtime 5\nwarntime 5'],
    ['keepalive 10ms\nwarntime 1ms', 'warntime 0'],
    ['deadtime 5\ninitdead 5', 'deadtime 5\ninitdead 4.999'],
    ['start_timeout 100ms', 'start_timeout 99ms'],
    ['stop_timeout 100ms', 'stop_timeout 99ms'],
    ['status_timeout 100ms', 'status_timeout 99ms'],
    ['stop_retries 100', 'stop_retries 101'],
    ['udpport 1', 'udpport 0'], ['udpport 65535', 'udpport 65536'],
    ['debug 255', 'debug 256'], ['hopfudge 255', 'hopfudge 256'],
    ['rtprio 1', 'rtprio 0'], ['rtprio 99', 'rtprio 100'],
    ['mcast eth2 224.0.0.0 1 0 0', 'mcast eth2 223.255.255.255 1 0 0'],
    ['mcast eth2 239.255.255.255 65535 255 1', 'mcast eth2 240.0.0.0 65535 255 1'],
    ['mcast eth2 239.0.0.1 694 255 1', 'mcast eth2 239.0.0.1 694 256 1'],
    ['mcast eth2 239.0.0.1 694 1 1', 'mcast eth2 239.0.0.1 694 1 2'],
    ['mcast eth2 239.0.0.1 65535 1 1', 'mcast eth2 239.0.0.1 65536 1 1'],
    ['bcast abcdefghijklmno', 'bcast abcdefghijklmnop'],
    ['logfile /x', 'logfile x'], ['logfile /x', 'logfile /x/']
  ] as const) {
    t.not(parse(`${base}${good}\n`).cf, null, good)
    t.equal(parse(`${base}${bad}\n`).cf, null, bad)
  }
})

t.test('ha.cf: exactly two nodes with this one among them -> accepted, anything else refused', async t => {
  const nodes = (lines: string, self = 'ha1') => parse(`${lines}\nbcast eth0 eth1\nauto_failback on\n`, self).diagnostics.map(formatDiagnostic)
  t.strictSame(nodes('node ha1 ha2', 'HA2'), [])
  t.match(nodes(''), [/^ha.cf:1:1: error: no `node` line/])
  t.match(nodes('node ha1'), [/^ha.cf:1:6: error: only one node/])
  t.match(nodes('node ha1 ha2\nnode ha3'), [/^ha.cf:2:6: error: 3 nodes are listed/])
  t.match(nodes('node ha1 HA1'), [/^ha.cf:1:10: error: node `ha1` is listed again \(first on line 1\)/])
  t.match(nodes('node ha1 ha2', 'web'), [/^ha.cf:1:6: error: this node `web` is not listed.*add `node web`/])
  t.match(nodes('node alpha bravo', 'bravi'), [/^ha.cf:1:12: error: this node `bravi` is not listed.*instead of `bravo`/])
  t.match(nodes('node ha1.example.com ha2', 'ha1'), [/write `ha1` instead of `ha1.example.com`/])
  t.match(nodes('node ha1 ha_2/x'), [/^ha.cf:1:10: error: `ha_2\/x` cannot be a node name/])
  t.strictSame(nodes(`node ha1 ${'a'.repeat(64)}`), [])
  t.equal(nodes(`node ha1 ${'a'.repeat(65)}`).length, 1)
})

t.test('ha.cf: a mistyped directive -> the nearest known name, and no rule repeats the fault', async t => {
  t.match(findingsWith('keepalvie 10\nwarntime 1\n'), [/^ha.cf:5:1: error: unknown directive `keepalvie`;.*did you mean `keepalive`\?/])
  t.match(findingsWith('Keepalive 2\n'), [/write `keepalive`: names are case-sensitive/])
  t.match(findingsWith('frobnicate 2\n'), [/unknown directive `frobnicate`;.*; correct the name, or delete the line$/])
  for (const name of ['constructor', '__proto__', 'toString']) t.equal(findingsWith(`${name} 1\n`).length, 1, name)
})

t.test('ha.cf: values that cannot be -> each says what to write', async t => {
  t.match(findingsWith('keepalive 500 ms\n'), [/^ha.cf:5:15: error: .*; a unit stands directly behind its number; write `keepalive 500ms`/])
  t.match(findingsWith('keepalive 2 s\n'), [/write `keepalive 2`: a number alone means seconds/])
  t.match(findingsWith('deadtime 10 20\n'), [/^ha.cf:5:13: error: `deadtime` has a second value `20`/])
  t.match(findingsWith('keepalive\n'), [/^ha.cf:5:1: error: `keepalive` has no value.*write `keepalive TIME`/])
  t.match(findingsWith('ucast eth0 ha2\n'), [/^ha.cf:5:12: error: .*names are not looked up on the heartbeat path/])
  t.match(findingsWith('ucast eth0 2001:db8::1\n'), [/IPv4 only/])
  t.match(findingsWith('ucast eth0\n'), [/write `ucast INTERFACE ADDRESS`/])
  t.match(findingsWith('ucast eth0 10.0.0.1 10.0.0.2\n'), [/^ha.cf:5:21: error: `ucast` has a third word/])
  for (const address of ['0.0.0.0', '255.255.255.255', '224.0.0.1', '0.1.2.3']) t.match(findingsWith(`ucast eth0 ${address}\n`), [/error: .* is /], address)
  t.match(findingsWith('ucast eth0 127.0.0.1\n'), [/warning: 127.0.0.1 is a loopback address/])
  t.match(findingsWith('bcast eth0:1\n'), [/^ha.cf:5:7: error: .*the label of an address.*write `eth0`/])
  t.match(findingsWith('bcast eth0\n'), [/warning: this medium is listed again \(first on line 2\)/])
  t.match(findingsWith('mcast eth0 239.0.0.1 694 1\n'), [/wrong number of words/])
  t.match(findingsWith('mcast eth0 239.0.0.1 694 1 0\nmcast eth1 239.0.0.1 694 1 0\n'), [/warning: group 239.0.0.1 is used on eth0 and on eth1/])
  t.match(findingsWith('logfacility lokal0\n'), [/did you mean `local0`\?/])
  t.match(findingsWith('auto_failback maybe\n').at(-1), /write `on`, `off` or `legacy`/)
  t.match(findingsWith('env FOO\n'), [/write `env NAME=VALUE`/])
  t.match(findingsWith('keepalive 2\nkeepalive 3\n'), [/^ha.cf:6:1: warning: `keepalive` is set again \(first on line 5\)/])
  t.match(findingsWith('udpport 695\n'), [/^ha.cf:5:1: warning: `udpport` stands behind a medium/])
  t.match(findingsWith('debug 1\u0007\n').some(line => line.includes('control character 0x07')), true)
})

t.test('ha.cf: no auto_failback -> legacy with a warning; nice_failback -> legacy with what it meant', async t => {
  const lines = (text: string) => parse(`node ha1 ha2\nbcast eth0 eth1\n${text}`)
  t.equal(lines('').cf?.autoFailback, 'legacy')
  t.match(lines('').diagnostics.map(formatDiagnostic), [/^ha.cf:1:1: warning: `auto_failback` is not set/])
  t.equal(lines('nice_failback on\n').cf?.autoFailback, 'legacy')
  t.match(lines('nice_failback on\n').diagnostics.map(formatDiagnostic), [/^ha.cf:3:1: warning: `nice_failback` is obsolete/])
  t.equal(lines('nice_failback on\nauto_failback off\n').cf?.autoFailback, 'off')
  t.equal(lines('auto_failback Legacy\n').diagnostics.length, 0)
})

t.test('ha.cf: log directives -> the default file only when none is given', async t => {
  t.match(cfWith('logfacility none\n'), { logfile: '/var/log/ha-log', logfacility: null })
  t.match(cfWith('logfacility daemon\n'), { logfile: null, debugfile: null, logfacility: 'daemon' })
  t.match(cfWith('debugfile /x\n'), { logfile: null, debugfile: '/x' })
})

t.test('ha.cf: media and timing that work badly -> warnings', async t => {
  const one = parse('node ha1 ha2\nbcast eth0\nauto_failback on\n')
  t.match(one.diagnostics.map(formatDiagnostic), [/^ha.cf:2:1: warning: all heartbeats travel over eth0/])
  t.match(parse('node ha1 ha2\nauto_failback on\n').diagnostics.map(formatDiagnostic), [/^ha.cf:1:1: error: no heartbeat medium/])
  t.match(findingsWith('keepalive 1\ndeadtime 2.9\n'), [/^ha.cf:6:10: warning: deadtime 2900ms is less than three times/])
  t.strictSame(findingsWith('keepalive 1\ndeadtime 3\n'), [])
  t.match(findingsWith('udp eth2\n'), [/warning: `udp` is the old name of `bcast`/])
})

t.test('ha.cf: watchdog -> a whole path, or a fault', async t => {
  t.match(cfWith('watchdog /dev/watchdog\n'), { watchdog: '/dev/watchdog' })
  t.match(findingsWith('watchdog watchdog0\n'), [/error: `watchdog` cannot be/])
})

t.test('ha.cf: every other directive of Linux-HA -> a sentence, never "unknown"', async t => {
  const linuxHa = `serial baud mcast6 ucast6 autojoin hbgenmethod uuidfrom msgfmt compression
    compression_threshold traditional_compression max_rexmit_delay respawn failfast apiauth use_logd
    conn_logd_time syslogmsgfmt log_badpack coredumps coreroot use_apphbd memreserve cluster quorum_server pacemaker crm`.split(/\s+/)
  for (const name of linuxHa) {
    const [finding, ...more] = findingsWith(`${name} x y\n`)
    t.match(finding, /^ha.cf:5:1: (error|warning|info): `\w+` is (not acted on yet|obsolete); .+; .+$/, name)
    t.equal(more.length, 0, name)
  }
  for (const [name, directive] of directives) {
    if (directive.status === 'acted-on') continue
    for (const value of directive.harmless ?? []) t.strictSame(findingsWith(`${name} ${value.toUpperCase()}\n`), [], `${name} ${value}`)
  }
  t.match(findingsWith('crm yes\n'), [/error: /])
  t.equal(parse(`${base}ping 10.0.0.254\nrespawn hacluster /usr/lib/heartbeat/ipfail\n`).cf === null, false)
})

t.test('ha.cf: faults on several lines -> all of them, in order', async t => {
  const places = parse('nod ha1\nkeepalive x\nbcast a/b\ndeadtime 1x\n').diagnostics.filter(found => found.severity === 'error').map(found => found.position.line)
  t.strictSame(places, [1, 2, 3, 4])
})

t.test('ha.cf: DOS line ends and a byte-order mark -> read, with one warning', async t => {
  const { cf, diagnostics } = parse(`\uFEFF${base}`.replaceAll('\n', '\r\n'))
  t.not(cf, null)
  t.match(diagnostics.map(formatDiagnostic), [/warning: the file has DOS line ends/])
})
