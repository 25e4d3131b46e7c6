import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkFencing, fencingFindings, type FencingFacts } from '../../src/cli/check-fencing.js'
import { checkReport } from '../../src/cli/check.js'
import { formatDiagnostic } from '../../src/config/configuration.js'
import { parseHaCf } from '../../src/config/ha-cf.js'
import type { FencingConfig } from '../../src/config/types.js'

const noTools = existsSync('/usr/sbin/stonith') && existsSync('/usr/sbin/fence_dummy') ? false : 'missing tool: stonith or fence_dummy (Debian packages cluster-glue, fence-agents)'

function configured(lines: string, file = 'ha.cf'): FencingConfig {
  const { cf, diagnostics } = parseHaCf({ file, text: `node ha1 ha2\nbcast eth0\nbcast eth1\n${lines}` }, { nodeName: 'ha1' })
  if (cf?.fencing === null || cf === null) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return cf.fencing
}

const facts: FencingFacts = {
  parameters: new Map([['fence_ipmilan', ['ip', 'username', 'password', 'plug']], ['external/ipmi', ['hostname', 'ipaddr', 'userid', 'passwd']], ['null', ['hostlist']]]),
  types: ['fence_ipmilan', 'fence_apc', 'external/ipmi', 'null'],
  hasStonith: true,
  modes: new Map([['ha.cf', 0o600]])
}
const findings = (lines: string, change: Partial<FencingFacts> = {}): string[] =>
  fencingFindings(configured(lines).plans.find(plan => plan.victim === 'ha2')?.levels.flat() ?? [], { ...facts, ...change }).map(formatDiagnostic)

t.test('check: fencing programs and parameters that are there -> nothing', async t => {
  t.strictSame(findings('stonith_host * fence_ipmilan ip=a password=b plug=1\nstonith_host * external/ipmi ha2 10.0.0.9 admin secret\nstonith_host * meatware\n'), [])
})

t.test('check: fencing programs that are missing -> errors with the package or the nearest name', async t => {
  t.match(findings('stonith_host * fence_ipmilam ip=a\n'), [/^ha.cf:4:1: error: no fence agent `fence_ipmilam`; .*; did you mean `fence_ipmilan`\?.*fence-agents/])
  t.match(findings('stonith_host * external\/ipm hostname=a\n'), [/error: `stonith` has no type `external\/ipm`; .*did you mean `external\/ipmi`\?.*stonith -L/])
  t.match(findings('stonith_host * rps10 a\n', { hasStonith: false }), [/error: \/usr\/sbin\/stonith is not installed; .*cluster-glue/])
})

t.test('check: a parameter that the device does not know -> a warning with the nearest name, without the value', async t => {
  const found = findings('stonith_host * fence_ipmilan ip=a usrname=Tr0ub4dor plug=1\n')
  t.match(found, [/warning: `fence_ipmilan` knows no parameter `usrname`; .*did you mean `username`\?/])
  t.notMatch(found, 'Tr0ub4dor')
})

t.test('check: passwords in a file that others may read -> a warning; a missing file -> an error', async t => {
  const open = { modes: new Map([['ha.cf', 0o644], ['/etc/ha.d/ipmi', 0o640]]) }
  t.match(findings('stonith_host * fence_ipmilan ip=a password=b plug=1\n', open), [/warning: ha.cf holds a password of fence_ipmilan.*chmod 600 ha.cf/])
  t.match(findings('stonith_host * external/ipmi ha2 10.0.0.9 admin secret\n', open), [/warning: ha.cf holds a password of external\/ipmi/])
  t.strictSame(findings('stonith_host * null ha1 ha2\nstonith_host * fence_ipmilan ip=a plug=1\n', open), [], 'host names and addresses are no secret')
  t.match(findings('stonith external/ipmi /etc/ha.d/ipmi\n', open), [/warning: \/etc\/ha.d\/ipmi holds a password/])
  t.match(findings('stonith external/ipmi /nowhere\n', open), [/error: `\/nowhere` cannot be read/])
})

t.test('check --test-fencing: real devices -> proven or not, each with its words', { skip: noTools }, async t => {
  const folder = t.testdir({ machine: 'on', run: {}, 'ha.cf': '' })
  const options = { self: 'ha1', isTested: true, runDir: join(folder, 'run') }
  const check = async (lines: string): Promise<string[]> => (await checkFencing(configured(lines, join(folder, 'ha.cf')), options)).map(formatDiagnostic)
  t.match(await check(`stonith_host * fence_dummy status_file=${folder}/machine\nstonith_host * null ha1 ha2\nfence_delay 10\n`), [/info: fencing of ha2 is proven; fence_dummy .*ha2 is on; null \*\*\*: answers/])
  writeFileSync(join(folder, 'machine'), 'off')
  t.match(await check(`stonith_host ha1 fence_dummy status_file=${folder}/machine\nfence_delay 10\n`), [/warning: a fencing device says that ha2 is off; .*watching another plug/])
  writeFileSync(join(folder, 'machine'), 'on')
  t.match(await check(`stonith_host ha1 fence_dummy status_file=${folder}/machine\nfence_delay 1ms\n`), [/warning: a test of the devices took \d+ms, longer than fence_delay 1ms; .*both nodes may go down; write `fence_delay \d+` or longer/, /info: /])
  t.match(await check('stonith_host ha1 null ha1\n'), [/error: fencing of ha2 is not proven; .*ha2 is not among its hosts/])
})

t.test('check: a whole configuration with fencing -> no word that nothing protects', { skip: noTools }, async t => {
  const directory = t.testdir({ 'ha.cf': '', haresources: '', authkeys: 'auth 1\n1 sha1 0123456789abcdef\n', nodeinfo: 'ha1\n', run: {} })
  chmodSync(join(directory, 'authkeys'), 0o600)
  writeFileSync(join(directory, 'ha.cf'), 'node ha1 ha2\nudpport 40694\nucast lo 127.0.0.2\nauto_failback off\nstonith_host * null ha1 ha2\nstonith_host * fence_nowhere\n')
  const report = await checkReport({ HA_DIR: directory, HA_RUN_DIR: join(directory, 'run') })
  t.strictSame(report.notices, [])
  t.match(report.diagnostics.map(formatDiagnostic).join('\n'), /ha.cf:6:1: error: no fence agent `fence_nowhere`/)
})
