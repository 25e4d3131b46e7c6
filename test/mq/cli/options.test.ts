import t from 'tap'
import { helpText, parseOptions } from '../../../src/mq/cli/options.js'
import type { CommandSpec, Parsed } from '../../../src/mq/cli/options.js'

const spec: CommandSpec = {
  name: 'thing',
  operands: 'QMgrName',
  operandsMin: 1,
  operandsMax: 1,
  summary: 'does a thing',
  options: [
    { name: 'i', help: 'at once' },
    { name: 's', help: 'switch' },
    { name: 'lp', value: 'n', help: 'primary files' },
    { name: 'p', value: 'port', help: 'port' },
    { name: 't', value: 'seconds', help: 'time' },
    { name: 'tp', value: 'seconds', help: 'time, then harder' },
    { name: 'v', value: 'attribute', help: 'one of many', isRepeated: true }
  ],
  exit: [[0, 'done']]
}
const parse = (line: string): Parsed => parseOptions(spec, line.split(' ').filter(word => word !== ''))
const shown = (parsed: Parsed): unknown =>
  parsed.kind === 'run' ? Object.fromEntries([...spec.options.filter(({ name }) => parsed.options.has(name)).map(({ name }) => [name, parsed.options.values(name).join('|')]), ['', parsed.options.operands.join(' ')]]) : parsed

t.test('options: flags bundled, values apart or attached, the name anywhere -> understood', async t => {
  t.strictSame(shown(parse('-is QM')), { i: '', s: '', '': 'QM' })
  t.strictSame(shown(parse('-lp 20 QM -p1414')), { lp: '20', p: '1414', '': 'QM' })
  t.strictSame(shown(parse('-tp 30 QM')), { tp: '30', '': 'QM' }, '-tp is an option of its own, not -t p')
  t.strictSame(shown(parse('-v a=1 -v b=2 QM')), { v: 'a=1|b=2', '': 'QM' })
  t.strictSame(shown(parse('-- -QM')), { '': '-QM' })
})

t.test('options: unknown, without value, twice, words too many or too few -> what is wrong', async t => {
  t.match(parse('-y QM'), { kind: 'wrong', why: /-y is not known/ })
  t.match(parse('QM -p'), { kind: 'wrong', why: /-p needs a value: port/ })
  t.match(parse('-p 1 -p 2 QM'), { kind: 'wrong', why: /given twice/ })
  t.match(parse(''), { kind: 'wrong', why: /QMgrName is missing/ })
  t.match(parse('A B'), { kind: 'wrong', why: /'B' is too much/ })
})

t.test('options: numbers -> in range, or a sentence that names the range', async t => {
  const parsed = parse('-p 70000 QM')
  t.equal(parsed.kind === 'run' && parsed.options.number('p', 1, 65_535), "the value '70000' of -p is not a number from 1 to 65535")
  const right = parse('-p 1414 QM')
  t.equal(right.kind === 'run' && right.options.number('p', 1, 65_535), 1414)
  t.equal(right.kind === 'run' && right.options.number('t', 0, 9), null)
})

t.test('options: --help -> usage, every option, every exit status', async t => {
  t.equal(parse('--help').kind, 'help')
  const text = helpText(spec).join('\n')
  for (const { name } of spec.options) t.match(text, new RegExp(`^ {2}-${name}\\b`, 'm'))
  t.match(text, /^Exit status:\n {2}0 +done$/m)
})
