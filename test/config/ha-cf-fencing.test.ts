import { inspect } from 'node:util'
import { validate } from 'node-cron'
import t from 'tap'
import { Secret } from '../../src/base/secret.js'
import { parseCron } from '../../src/config/cron.js'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { parseHaCf } from '../../src/config/ha-cf.js'
import type { FencingConfig } from '../../src/config/types.js'

const base = 'node ha1 ha2\nbcast eth0\nbcast eth1\nauto_failback off\n'
const parse = (lines: string) => parseHaCf({ file: 'ha.cf', text: base + lines }, { nodeName: 'ha1' })
const findingsOf = (lines: string): string[] => parse(lines).diagnostics.map(formatDiagnostic)

function fencingOf(lines: string): FencingConfig | null {
  const { cf, diagnostics } = parse(lines)
  if (cf === null) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return cf.fencing
}

/** `victim: level, level`; devices of one level joined by `+`, parameters as NAME=VALUE or how they are kept. */
function story(config: FencingConfig | null): string[] {
  return (config?.plans ?? []).map(({ victim, levels }) => `${victim}: ${levels.map(level => level.map(({ type, parameters }) => {
    if (parameters.kind === 'file') return `${type} <${parameters.path}`
    if (parameters.kind === 'positional') return `${type} ${Buffer.from(parameters.words.reveal()).toString()}`
    return [type, ...parameters.values.map(({ name, value }) => `${name}=${value instanceof Secret ? '***' : value}`)].join(' ')
  }).join(' + ')).join(', ')}`)
}

t.test('fencing: nothing set -> none, and nothing is said', async t => {
  t.equal(fencingOf(''), null)
  t.strictSame(findingsOf(''), [])
})

t.test('stonith_host: HOST reaches the device -> what it switches off is the other node; `*` counts for both', async t => {
  t.strictSame(story(fencingOf('stonith_host ha1 rps10 /dev/ttyS1 ha2 0\nstonith_host ha2 rps10 /dev/ttyS1 ha1 0\n')), [
    'ha1: rps10 /dev/ttyS1 ha1 0', 'ha2: rps10 /dev/ttyS1 ha2 0'
  ])
  t.strictSame(story(fencingOf('stonith_host * baytech 10.0.0.3 mylogin mysecret\n')), ['ha1: baytech 10.0.0.3 mylogin mysecret', 'ha2: baytech 10.0.0.3 mylogin mysecret'])
  t.strictSame(story(fencingOf('stonith_host HA1 fence_ipmilan ip=10.0.0.9\nstonith_host * meatware ha1 ha2\n')), ['ha1: meatware', 'ha2: fence_ipmilan ip=10.0.0.9, meatware'])
})

t.test('stonith_host: several lines -> levels in order; level=N -> one level for several devices', async t => {
  const lines = [
    'stonith_host ha1 fence_apc ip=a plug=1 level=1', 'stonith_host ha1 fence_apc ip=b plug=1 level=1', 'stonith_host ha1 external/ipmi hostname=ha2 ipaddr=c',
    'stonith_host ha1 meatware', 'stonith_host ha2 fence_dummy level=2', 'stonith_host ha2 fence_other level=1'
  ]
  t.strictSame(story(fencingOf(`${lines.join('\n')}\n`)), ['ha1: fence_other, fence_dummy', 'ha2: fence_apc ip=a plug=1 + fence_apc ip=b plug=1, external/ipmi hostname=ha2 ipaddr=c, meatware'])
})

t.test('stonith_host: Pacemaker\'s pcmk_host_map -> the plug of each node', async t => {
  t.strictSame(story(fencingOf('stonith_host * fence_apc ip=a pcmk_host_map=ha1:3;ha2:4\n')), ['ha1: fence_apc ip=a plug=3', 'ha2: fence_apc ip=a plug=4'])
  t.match(findingsOf('stonith_host * fence_apc ip=a pcmk_host_map=ha1:3\n'), [/error: `pcmk_host_map` has no plug for ha2/])
  t.match(findingsOf('stonith_host * fence_apc ip=a plug=1 pcmk_delay_max=3\n'), [/^ha.cf:5:38: warning: `pcmk_delay_max` is ignored/])
})

t.test('stonith: TYPE FILE -> one device for both nodes, the file read when it is used', async t => {
  t.strictSame(story(fencingOf('stonith external/ipmi /etc/ha.d/ipmi\n')), ['ha1: external/ipmi </etc/ha.d/ipmi', 'ha2: external/ipmi </etc/ha.d/ipmi'])
  t.match(findingsOf('stonith external/ipmi\n'), [/^ha.cf:5:1: error: `stonith` has the wrong number of words/])
  t.match(findingsOf('stonith external/ipmi etc/ipmi\n'), [/^ha.cf:5:23: error: `stonith` cannot read `etc\/ipmi`/])
})

t.test('fence_*: given -> as given; not given -> the defaults', async t => {
  const { plans: _plans, ...defaults } = fencingOf('stonith_host * fence_dummy\n') ?? { plans: [] }
  t.strictSame(defaults, { timeoutMs: 60_000, retries: 2, delayMs: 1000, action: 'reset', testSchedule: '0 3 * * *' })
  const { plans: _also, ...given } = fencingOf('stonith_host * fence_dummy\nfence_timeout 20\nfence_retries 0\nfence_delay 1.5\nfence_action OFF\nfence_test "*/10  * * * 1-5"\n') ?? { plans: [] }
  t.strictSame(given, { timeoutMs: 20_000, retries: 0, delayMs: 1500, action: 'off', testSchedule: '*/10 * * * 1-5' })
  t.equal(fencingOf('stonith_host * fence_dummy\nfence_test off\n')?.testSchedule, null)
})

t.test('fencing: faults -> place, what, why and what to do', async t => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['stonith_host ha1\n', /^ha.cf:5:1: error: `stonith_host` names no type of device; .*; write/],
    ['stonith_host ha3 fence_dummy\n', /^ha.cf:5:14: error: `ha3` is not a node of this cluster; .*; did you mean `ha1`\?/],
    ['stonith_host * meatware ha1,ha9\n', /^ha.cf:5:29: error: `ha9` is not a node/],
    ['stonith_host * fence_dummy level=x\n', /^ha.cf:5:34: error: `level` cannot be `x`; .*; write a whole number from 1 to 9/],
    ['stonith_host * fence_dummy level=10\n', /error: `level` cannot be `10`/],
    ['stonith_host * a/b\n', /^ha.cf:5:16: error: `a\/b` cannot be a type/],
    ['stonith_host * fence_dummy action=off\n', /^ha.cf:5:28: error: `action` is not for you to set/],
    ['stonith_host * fence_dummy\nfence_test 0 25 * * *\n', /^ha.cf:6:12: error: `fence_test` cannot be `0 25 \* \* \*`; .*; the hour `25` must be/],
    ['stonith_host * fence_dummy\nfence_test daily\n', /error: `fence_test` cannot be `daily`; .*; write five fields.*there is 1 here, or `off`/],
    ['stonith_host * fence_dummy\nfence_timeout 500ms\n', /error: fence_timeout 500ms is too short; .*write `fence_timeout 1` or longer/],
    ['stonith_host * fence_dummy\nfence_action kill\n', /^ha.cf:6:14: error: `fence_action` cannot be `kill`/],
    ['stonith_host * fence_dummy\nfence_retries 11\n', /error: `fence_retries` cannot be `11`/],
    ['stonith meatware /x\n', /error: `meatware` takes no file/]
  ]
  for (const [lines, expected] of table) {
    const errors = findingsOf(lines).filter(finding => finding.includes(': error: '))
    t.match(errors[0], expected, lines)
  }
})

t.test('fencing: what works but is not meant -> warnings', async t => {
  t.match(findingsOf('fence_timeout 20\nfence_test off\n'), [/^ha.cf:5:15: warning: `fence_timeout` is set, but no fencing device/, /^ha.cf:6:12: warning: `fence_test` is set/])
  t.match(findingsOf('stonith_host ha1 fence_dummy\n'), [/warning: no fencing device can switch off ha1; ha2 has none in reach/])
  t.match(findingsOf('stonith_host * fence_ipmilan ip=10.0.0.9\n'), [/^ha.cf:5:14: warning: `\*` lets both nodes use this fence_ipmilan; .*would switch off itself/])
  t.match(findingsOf('stonith_host * fence_dummy\nfence_delay 0\n'), [/warning: fence_delay is 0; .*both may shoot/])
})

t.test('fencing: a password -> in no finding, not even about a wrong line, and not when the configuration is printed', async t => {
  const password = 'Tr0ub4dor'
  const wrong = [
    `stonith_host * fence_ipmilan ip=a ${password}`, `stonith_host * apcmaster ip=a ${password}`, `stonith_host ha9 apcmaster a b ${password}`,
    `stonith_host * fence_x passwd=${password} pcmk_host_map=${password}`, `stonith_host * fence_x level=0 passwd=${password}`, `stonith_host * fence_x 9passwd=${password}`
  ]
  for (const line of wrong) {
    const found = findingsOf(`${line}\n`)
    t.not(found.length, 0, line)
    t.notMatch(found.join('\n'), password, line)
  }
  const config = fencingOf(`stonith_host * fence_x ip=a passwd=${password}\nstonith_host * apcmaster a b ${password}\nstonith_host * fence_y snmp_priv_passwd=${password} community=${password}\n`)
  t.notMatch(JSON.stringify(config) + inspect(config, { depth: 9 }), password)
})

t.test('cron: whatever is accepted here -> node-cron accepts it; what it refuses is refused', async t => {
  const expressions = [
    '* * * * *', '0 3 * * *', '*/5 * * * *', '0-30/2 1,2,3 * * *', '0 0 1 jan *', '0 0 * * mon-fri', '0 0 * * 7', '30 0 3 * * *', '*/10 0 * * * *', '0 0 31 12 0',
    '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '', '*', 'a b c d e', '1- * * * *', '5-1 * * * *', '*/0 * * * *', '5/2 * * * *', '1,,2 * * * *', '* * * * * * *', '-1 * * * *'
  ]
  let accepted = 0
  for (const expression of expressions) {
    const isAccepted = parseCron(expression.split(' ')).ok
    accepted += isAccepted ? 1 : 0
    if (isAccepted) t.ok(validate(expression), expression)
    if (!validate(expression)) t.notOk(isAccepted, expression)
  }
  t.equal(accepted, 10)
})
