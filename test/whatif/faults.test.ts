/** The grammar of what-ifs: what is understood, and the sentences for what is not. */

import t from 'tap'
import { faultHelp, parseFaults, timeMs } from '../../src/whatif/faults.js'

const names = { nodes: ['ha1', 'ha2'], links: ['eth0', 'eth1'], groups: ['10.0.0.5/24/eth0'] }

t.test('faults: every form of the help is understood', t => {
  const said: Readonly<Record<string, string>> = { NODE: 'ha1', LINK: 'eth1', GROUP: '10.0.0.5/24/eth0', TIME: '2s' }
  t.ok(faultHelp().split('\n').length > 20)
  for (const line of faultHelp().split('\n')) {
    const form = line.slice(2, 32).trim()
    const text = form.split(' ').map(word => said[word] ?? word).join(' ')
    t.match(parseFaults(text, names), { ok: true, faults: [{ text, afterMs: 0 }] }, text)
  }
  t.end()
})

t.test('faults: several with times -> each with its own', t => {
  t.strictSame(parseFaults(' ha1  dies , link eth1 cut from HA2 after 3s,disk slow 1500ms after 0.5s', names), {
    ok: true,
    faults: [
      { afterMs: 0, text: 'ha1 dies', act: { kind: 'dies', node: 0 } },
      { afterMs: 3_000, text: 'link eth1 cut from HA2', act: { kind: 'link', link: 1, isCut: true, from: 1 } },
      { afterMs: 500, text: 'disk slow 1500ms', act: { kind: 'disk', node: null, tookMs: 1_500, isLost: false } }
    ]
  })
  t.end()
})

t.test('faults: what is wrong -> named', t => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /a fault is missing/],
    ['ha1 dies,', /a fault is missing/],
    ['ha3 dies', /'ha3 dies': no node ha3; the nodes are ha1 and ha2/],
    ['link eth9 cut', /no link eth9; the links are eth0, eth1/],
    ['start of 10.9.9.9 fails on ha1', /no group 10\.9\.9\.9; the groups are 10\.0\.0\.5/],
    ['ha1 hangs soon', /soon is no time; write 500ms, 3s or 1m/],
    ['ha1 hangs 2h', /2h is no time/],
    ['ha1 dies after lunch', /after lunch is no time/],
    ['ha1 explodes', /'ha1 explodes' is no fault that is known here; 'heartbeat simulate --help' lists them all/],
    [Array.from({ length: 40 }, () => 'ha1 dies').join(), /at most 32 faults/]
  ]
  for (const [text, message] of cases) {
    const parsed = parseFaults(text, names)
    t.equal(parsed.ok, false, text)
    if (!parsed.ok) t.match(parsed.message, message)
  }
  t.end()
})

t.test('times: with and without a unit, bounded', t => {
  t.strictSame(['500ms', '2', '1.5s', '1m', '61m', '-1s', '1e3', '', '9'.repeat(40)].map(timeMs), [500, 2_000, 1_500, 60_000, null, null, null, null, null])
  t.end()
})
