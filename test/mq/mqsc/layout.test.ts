/** Attribute cells at the borders: 40 characters, column 43, lists, blanks. */

import t from 'tap'
import { cell, layOut } from '../../../src/mq/mqsc/layout.js'

const named = (length: number): string => 'x'.repeat(length - 'DESCR()'.length)

t.test('layout: the second cell begins at column 43', async t => {
  const [line = ''] = layOut([cell('MAXDEPTH', 5), cell('PUT', 'ENABLED')])
  t.equal(line.indexOf('PUT'), 43)
  t.equal(line, '   MAXDEPTH(5)                             PUT(ENABLED)')
})

t.test('layout: 39 characters leave room for a second cell, 40 take the line', async t => {
  const first = layOut([cell('DESCR', named(39)), cell('PUT', 'ENABLED')])
  t.equal(first.length, 1)
  t.equal(first[0]?.indexOf('PUT'), 43)
  t.strictSame(layOut([cell('DESCR', named(40)), cell('PUT', 'ENABLED')]), [`   DESCR(${named(40)})`, '   PUT(ENABLED)'])
  t.strictSame(layOut([cell('PUT', 'ENABLED'), cell('DESCR', named(40)), cell('GET', 'ENABLED')]), ['   PUT(ENABLED)', `   DESCR(${named(40)})`, '   GET(ENABLED)'])
  t.equal(layOut([cell('PUT', 'ENABLED'), cell('DESCR', named(39))]).length, 1)
})

t.test('layout: blanks, flags, words and pairs', async t => {
  t.strictSame(
    layOut([cell('DESCR', ''), cell('MSGAGE', null), { name: 'SHARE', value: 'YES', form: 'flag' }, { name: 'TRIGGER', value: 'NO', form: 'flag' }, { name: 'CURRENT', value: 'YES', form: 'word' }, cell('QTIME', ' , ')]).map(line => line.trim().split(/\s{2,}/)),
    [
      ['DESCR( )', 'MSGAGE( )'],
      ['SHARE', 'NOTRIGGER'],
      ['CURRENT', 'QTIME( , )']
    ]
  )
})

t.test('layout: a list begins a line and goes on under its first value', async t => {
  const list = (value: readonly string[]): Parameters<typeof layOut>[0][number] => ({ name: 'NAMES', value, form: 'list' })
  t.strictSame(layOut([cell('A', 1), list(['ONE', 'TWO', 'THREE']), cell('B', 2)]), ['   A(1)', '   NAMES(ONE', '         ,TWO', '         ,THREE)', '   B(2)'])
  t.strictSame(layOut([cell('A', 1), list(['ONE']), cell('B', 2)]), ['   A(1)', `   ${'NAMES(ONE)'.padEnd(40)}B(2)`], 'one value is a cell that begins a line')
  t.strictSame(layOut([list([])]), ['   NAMES( )'])
})
