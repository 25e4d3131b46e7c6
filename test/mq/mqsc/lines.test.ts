/** Lines become commands: every rule of the reference's section 3.1 on lines, and the rows of 13.1 that go wrong easily. */

import t from 'tap'
import { Prng } from '../../../src/base/prng.js'
import { commandLengthMax, CommandReader, lineLengthMax, readCommands } from '../../../src/mq/mqsc/lines.js'
import type { ReadItem } from '../../../src/mq/mqsc/lines.js'

const commandsOf = (text: string): string[] => readCommands(text).flatMap(item => (item.kind === 'command' ? [item.text] : []))
const shown = (items: readonly ReadItem[]): string[] =>
  items.map(item => {
    if (item.kind === 'echo') return `echo ${item.number ?? '-'} ${item.text}`
    if (item.kind === 'command') return `command ${item.number} ${item.text}`
    return item.kind === 'fault' ? `fault ${item.number} ${item.fault.id}` : 'end'
  })

t.test('lines: a command ends with its line or with a semicolon', async t => {
  t.strictSame(commandsOf('PING QMGR\nPING QMGR;\n'), ['PING QMGR', 'PING QMGR'])
  t.strictSame(commandsOf("DEF QL(A) DESCR('a;b')"), ["DEF QL(A) DESCR('a;b')"], 'a semicolon within quotes is text')
  t.strictSame(shown(readCommands('PING QMGR; DIS QMGR;;\n')), ['echo 1 PING QMGR; DIS QMGR;;', 'command 1 PING QMGR', 'echo 2 DIS QMGR;;', 'command 2  DIS QMGR', 'echo 3 ;', 'end'])
})

t.test('lines: + goes on with the first character that is no blank, - with the first column', async t => {
  t.strictSame(commandsOf("DEF QL(A) DESCR('Fr+\n   ed')"), ["DEF QL(A) DESCR('Fred')"])
  t.strictSame(commandsOf("DEF QL(A) DESCR('Fr-\n   ed')"), ["DEF QL(A) DESCR('Fr   ed')"])
  t.strictSame(commandsOf('DEF +  \n  QL(A) +\n\tSHARE'), ['DEF QL(A) SHARE'], 'blanks after + do not count')
  t.strictSame(commandsOf('DEF QL(A)+\nSHARE'), ['DEF QL(A)SHARE'], 'nobody adds a blank')
  t.strictSame(commandsOf("DEF QL(A) DESCR('one +\ntwo')"), ["DEF QL(A) DESCR('one two')"], 'blanks before + stay')
})

t.test('lines: a comment begins with * and is no part of a continued command', async t => {
  t.strictSame(commandsOf('* nothing\n  * indented\nDEF QL(A) +\n* in between\n  SHARE'), ['DEF QL(A) SHARE'])
  t.strictSame(commandsOf("DEF QL(A) DESCR('a-\n*b')"), ["DEF QL(A) DESCR('a*b')"], 'within quotes it is text')
})

t.test('lines: echoes -> numbers for commands, none for continuations, comments and empty lines', async t => {
  t.strictSame(shown(readCommands('DEF QL(A) +\n  SHARE\n\n* c\nEND\nPING QMGR\n')), [
    'echo 1 DEF QL(A) +',
    'echo -   SHARE',
    'command 1 DEF QL(A) SHARE',
    'echo - ',
    'echo - * c',
    'echo 2 END',
    'end'
  ])
})

t.test('lines: END and QUIT in any case end the input and are not counted', async t => {
  for (const word of ['END', 'end', 'Quit', ' end ;', 'E+\nND']) {
    const reader = new CommandReader()
    for (const line of word.split('\n')) reader.push(line)
    t.equal(reader.isEnded, true, word)
    t.equal(reader.count, 0)
    t.strictSame(reader.push('PING QMGR'), [])
    t.strictSame(reader.end(), [])
  }
  t.equal(readCommands('ENDING').filter(item => item.kind === 'command').length, 1)
})

t.test('lines: the input ends within a continued command -> AMQ8406', async t => {
  t.strictSame(shown(readCommands('DEF QL(A) +')).slice(-2), ['fault 1 AMQ8406', 'end'])
})

t.test('lines: an empty line ends a continued command', async t => {
  t.strictSame(commandsOf('DEF QL(A) +\n\nPING QMGR'), ['DEF QL(A) ', 'PING QMGR'])
})

t.test('lines: length of lines and commands', async t => {
  const full = `DEF QL(A) ${' '.repeat(lineLengthMax - 15)}SHARE`
  t.equal(full.length, lineLengthMax)
  t.equal(commandsOf(full).length, 1)
  t.strictSame(shown(readCommands(`${full} `)).slice(-2), ['fault 1 AMQ8405', 'end'])
  const long = Array.from({ length: 17 }, () => `${' '.repeat(2000)}x+`).join('\n').replaceAll('x+', '-')
  const reader = new CommandReader()
  for (const line of [`DEF QL(A) -`, ...long.split('\n')]) reader.push(line)
  t.strictSame(shown(reader.push('SHARE')).slice(-1), ['fault 1 AMQ8405'])
  t.ok(commandLengthMax < 17 * 2000)
})

t.test('lines: a control character at the end of a line -> AMQ8405; a carriage return there is no part of it', async t => {
  t.strictSame(shown(readCommands('PING QMGR\t\nPING QMGR\r\n')), ['echo 1 PING QMGR\t', 'fault 1 AMQ8405', 'echo 2 PING QMGR', 'command 2 PING QMGR', 'end'])
  t.strictSame(commandsOf('PING\tQMGR'), ['PING\tQMGR'], 'a tab elsewhere is a blank')
})

t.test('lines: a line that is too long does not take the next command with it', async t => {
  t.strictSame(shown(readCommands(`DEF QL(A) DESCR('${'x'.repeat(3000)}')\nPING QMGR`)).slice(1), ['fault 1 AMQ8405', 'echo 2 PING QMGR', 'command 2 PING QMGR', 'end'])
})

t.test('fuzz: whatever comes in -> every line is echoed in order, commands are counted, memory is bounded', async t => {
  const seed = Number(process.env['HA_SEED'] ?? 7)
  const prng = new Prng(seed)
  const pieces = ['DEF QL(A)', '+', '-', ';', "'", '*', ' ', '\t', '\r', 'END', "DESCR('x')", '\u0000', 'x'.repeat(300), '']
  for (let round = 0; round < 2000; round += 1) {
    const reader = new CommandReader()
    const lines = Array.from({ length: prng.between(1, 12) }, () => Array.from({ length: prng.between(0, 6) }, () => prng.pick(pieces)).join(''))
    const items = [...lines.flatMap(line => reader.push(line)), ...reader.end()]
    const counted = items.filter(item => item.kind === 'command' || item.kind === 'fault')
    t.strictSame(counted.map(item => (item.kind === 'command' || item.kind === 'fault' ? item.number : 0)), counted.map((_, index) => index + 1))
    t.equal(reader.count, counted.length)
    if (items.filter(item => item.kind === 'end').length !== 1) t.fail(`one end: seed ${seed} round ${round}`)
    if (items.some(item => item.kind === 'command' && (/^[ \t]*$/.test(item.text) || item.text.length > commandLengthMax))) t.fail(`a command has a text: seed ${seed} round ${round}`)
  }
})
