/** The attribute tables are sound: defaults are valid, displays are ordered, the page on stored attributes is true. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { objectTypes } from '../../../src/mq/core/definition.js'
import type { AttributeSpec } from '../../../src/mq/mqsc/attributes/attribute.js'
import { completeDefinition } from '../../../src/mq/mqsc/complete.js'
import { allAttributesOf, attributesOf, defaultObjectOf, subtypesOf } from '../../../src/mq/mqsc/object-types.js'
import { storedAttributesPage } from '../../../src/mq/mqsc/stored-attributes.js'
import { listenerOnPort, systemObjects } from '../../../src/mq/mqsc/system-objects.js'
import { readValue } from '../../../src/mq/mqsc/values.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const tables = objectTypes.flatMap(type => (subtypesOf(type).length === 0 ? [''] : subtypesOf(type)).map(subtype => ({ title: `${type} ${subtype}`.trim(), type, subtype, attributes: attributesOf(type, subtype) })))

/** The default as somebody would type it, read back. */
function readBack(attribute: AttributeSpec): unknown {
  const { default: value, kind, name } = attribute
  const items = Array.isArray(value) ? (value as readonly string[]) : [String(value)]
  const values = kind.kind === 'flag' ? null : items.map(text => ({ text, isQuoted: true, end: 0 }))
  const read = readValue(attribute, { keyword: kind.kind === 'flag' && value === 'NO' ? `NO${name}` : name, values, end: 0 }, '')
  return read.ok ? read.value : read.fault
}

t.test('tables: every default is a value its attribute takes', async t => {
  for (const { title, attributes } of tables) for (const attribute of attributes) if (attribute.use !== 'live') t.strictSame(readBack(attribute), attribute.default, `${title} ${attribute.name}`)
})

t.test('tables: no name twice, keywords in capitals', async t => {
  for (const { title, attributes } of tables) {
    const names = attributes.flatMap(({ name, synonyms }) => [name, ...synonyms])
    t.equal(new Set(names).size, names.length, title)
    t.strictSame(names.filter(name => !/^[A-Z][A-Z0-9]*$/.test(name)), [], title)
  }
})

t.test('tables: attributes are displayed by letter, except where the original has its own order', async t => {
  const shown = ({ name, kind, default: value }: AttributeSpec): string => (kind.kind === 'flag' && value === 'NO' && name === 'TRIGGER' ? 'NOTRIGGER' : name)
  const own = ['LISTENER', 'CHLAUTH', 'QMGR', 'SUB']
  for (const { title, type, attributes } of tables) {
    if (own.includes(type)) continue
    const names = attributes.map(shown)
    t.strictSame(names, [...names].sort(), title)
  }
})

t.test('tables: attributes of one name mean the same kind in every subtype of a type', async t => {
  for (const type of objectTypes) {
    for (const attribute of allAttributesOf(type)) {
      for (const subtype of subtypesOf(type)) {
        const other = attributesOf(type, subtype).find(({ name }) => name === attribute.name)
        if (other !== undefined) t.equal(other.kind.kind, attribute.kind.kind, `${type} ${subtype} ${attribute.name}`)
      }
    }
  }
})

t.test('system objects: all there once, complete, with a default object for every type', async t => {
  const objects = systemObjects(0)
  t.equal(new Set(objects.map(({ type, name }) => `${type} ${name}`)).size, objects.length)
  for (const { title, type, subtype } of tables) {
    const name = defaultObjectOf(type, subtype)
    if (name !== null) t.ok(objects.some(definition => definition.type === type && definition.name === name), `${title}: ${name}`)
  }
  for (const name of ['SYSTEM.DEAD.LETTER.QUEUE', 'SYSTEM.ADMIN.COMMAND.QUEUE', 'SYSTEM.CLUSTER.TRANSMIT.QUEUE', 'SYSTEM.MQSC.REPLY.QUEUE', 'SYSTEM.QPUBSUB.QUEUE.NAMELIST', 'SYSTEM.BASE.TOPIC', 'SYSTEM.ADMIN.LOGGER.EVENT']) {
    t.ok(objects.some(definition => definition.name === name), name)
  }
  t.ok(objects.every(({ name, type }) => type === 'CHLAUTH' || (name.startsWith('SYSTEM.') && name.length <= 48)))
  t.match(listenerOnPort(1415, 0).attributes, { PORT: 1415, CONTROL: 'QMGR', TRPTYPE: 'TCP' })
})

t.test('complete definitions: defaults filled in, dates set, unknown attributes a bug', async t => {
  const { attributes } = completeDefinition('QLOCAL', 'A', { MAXDEPTH: 10 }, Date.UTC(2026, 1, 28, 23, 59, 59))
  t.match(attributes, { MAXDEPTH: 10, MAXMSGL: 4_194_304, SHARE: 'YES', HARDENBO: 'YES', TRIGGER: 'NO', GET: 'ENABLED', NPMCLASS: 'NORMAL', CRDATE: '2026-02-28', CRTIME: '23.59.59' })
  t.equal(attributes['CURDEPTH'], undefined, 'live attributes are not kept')
  t.throws(() => completeDefinition('QLOCAL', 'A', { NOSUCH: 1 }))
  t.throws(() => completeDefinition('CHANNEL', 'A'))
})

t.test('stored attributes: the page is what the tables say (HA_REWRITE=1 writes it anew)', async t => {
  const path = join(root, 'src', 'mq', 'mqsc', 'stored-attributes.md')
  if (process.env['HA_REWRITE'] === '1') writeFileSync(path, storedAttributesPage())
  else t.equal(readFileSync(path, 'utf8'), storedAttributesPage())
})

t.test('stored attributes: what is acted on is spoken of in the queue manager, outside MQSC', async t => {
  // MONQ is acted on by DISPLAY QSTATUS alone.
  const own = ['MONQ']
  const sources = readdirSync(join(root, 'src', 'mq'), { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts') && !file.startsWith('mqsc'))
  const text = sources.map(file => readFileSync(join(root, 'src', 'mq', file), 'utf8')).join('\n')
  const missing = tables.flatMap(({ title, attributes }) => attributes.filter(({ use, name }) => use === 'acted' && !own.includes(name) && !text.includes(`'${name}'`)).map(({ name }) => `${title} ${name}`))
  t.strictSame(missing, [])
})
