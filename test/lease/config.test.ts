import t from 'tap'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { parseHaCf } from '../../src/config/ha-cf.js'

const base = 'node ha1 ha2\nbcast eth0 eth1\nauto_failback off\ndeadtime 1\nkeepalive 200ms\n'
const parse = (lines: string) => parseHaCf({ file: 'ha.cf', text: base + lines }, { nodeName: 'ha1' })
const findings = (lines: string): readonly string[] => parse(lines).diagnostics.map(formatDiagnostic)
const lease = (lines: string) => {
  const { cf, diagnostics } = parse(lines)
  if (cf === null) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return cf.lease
}

t.test('ha.cf lease: absent -> null; a path alone -> 3 s, renewed eight times a lease', async t => {
  t.equal(lease(''), null)
  t.match(lease('lease /dev/mapper/quorum\n'), { path: '/dev/mapper/quorum', leaseMs: 3000, intervalMs: 375, position: { line: 6 } })
  t.strictSame(findings('lease /dev/mapper/quorum\n'), [])
})

t.test('ha.cf lease: with a time -> units as everywhere; renewals at least twice a second', async t => {
  t.match(lease('lease /shared/area 2500ms # why\n'), { leaseMs: 2500, intervalMs: 312.5 })
  t.match(lease('lease /shared/area 60\n'), { leaseMs: 60_000, intervalMs: 500 })
  t.match(lease('deadtime 450ms\nlease /shared/area 1\n'), { leaseMs: 1000, intervalMs: 125 })
})

t.test('ha.cf lease: a time out of bounds, no time, a third word, a relative path -> an error at the word', async t => {
  t.match(findings('lease /a/b 999ms\n')[0], /^ha.cf:6:12: error: a lease of 999ms is too short; storage may pause.*; write a time from `1` to `60` \(seconds\)/)
  t.match(findings('lease /a/b 61\n')[0], /^ha.cf:6:12: error: a lease of 61s is too long/)
  t.match(findings('lease /a/b soon\n')[0], /^ha.cf:6:12: error: `lease` cannot last `soon`/)
  t.match(findings('lease /a/b 3 s\n')[0], /^ha.cf:6:14: error: `lease` has a third word `s`; a unit stands directly behind its number/)
  t.match(findings('lease area 3\n')[0], /^ha.cf:6:7: error: `lease` cannot be at `area`/)
  t.match(findings('lease /dev/\n')[0], /^ha.cf:6:7: error: `lease` cannot be at/)
  t.match(findings('lease\n')[0], /^ha.cf:6:1: error: `lease` has no value/)
})

t.test('ha.cf lease: doubtful but working -> said', async t => {
  t.match(findings('lease /a/b\nlease /a/c\n')[0], /^ha.cf:7:1: warning: `lease` is set again \(first on line 6\)/)
  t.equal(lease('lease /a/b\nlease /a/c\n')?.path, '/a/c')
  t.match(findings('lease /dev/sdb1\n')[0], /^ha.cf:6:7: info: \/dev\/sdb1 is a name that the kernel gives/)
  t.match(findings('lease /a/b 2\n')[0], /^ha.cf:6:1: warning: the lease of 2s is not longer than twice deadtime 1s;.*; write `lease \/a\/b 3`, or `deadtime 666ms` or shorter/)
  t.match(findings('deadtime 40\nlease /a/b 60\n').find(line => line.includes('lease')), /; write `deadtime 20` or shorter$/)
})
