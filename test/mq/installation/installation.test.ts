import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { HaError } from '../../../src/base/errors.js'
import { makeDirectory, writeDurably } from '../../../src/mq/installation/durable-file.js'
import { layoutFrom, layoutOf, localFiles } from '../../../src/mq/installation/layout.js'
import { addQueueManager, ensureMqsIni, findQueueManager, parseInstallation, readInstallation, removeQueueManager, setDefault } from '../../../src/mq/installation/mqs-ini.js'
import { directoryCandidates, directoryName, isQueueManagerName, queueManagerId } from '../../../src/mq/installation/names.js'
import { newQmIni, parseQmIni, readQmIni } from '../../../src/mq/installation/qm-ini.js'
import { faultText } from '../../../src/mq/installation/stanza.js'

t.test('names: dots and slashes -> ! and & in the directory, nothing else changes', async t => {
  t.equal(directoryName('ha.queue.manager'), 'ha!queue!manager')
  t.equal(directoryName('a/b'), 'a&b')
  t.equal(directoryName('..'), '!!')
  t.equal(directoryName('A_b%C'), 'A_b%C')
  const [first, second, third] = directoryCandidates('a.b')
  t.strictSame([first, second, third], ['a!b', 'a!b.000', 'a!b.001'])
})

t.test('names: 48 of the allowed characters -> a name; anything else is none', async t => {
  t.ok(isQueueManagerName('A'.repeat(48)))
  for (const bad of ['', 'A'.repeat(49), 'A B', 'A-B', 'ä', 'A\n', '../x\0']) t.notOk(isQueueManagerName(bad), JSON.stringify(bad))
})

t.test('names: the longest name -> an id of 48 characters with the moment of creation', async t => {
  t.equal(queueManagerId('QM1', Date.UTC(2026, 2, 1, 9, 5, 7)), 'QM1_2026-03-01_09.05.07')
  t.equal(queueManagerId('A'.repeat(48), 0).length, 48)
})

t.test('layout: MQ_DATA_ROOT -> everything below it; empty means /var/mqm', async t => {
  t.equal(layoutFrom({}).mqsIni, '/var/mqm/mqs.ini')
  t.equal(layoutFrom({ MQ_DATA_ROOT: '' }).root, '/var/mqm')
  t.equal(layoutFrom({ MQ_DATA_ROOT: '/x' }).sockets, '/x/sockets')
})

t.test('layout: a root too long for a Unix socket -> refused with what to do', async t => {
  t.throws(() => localFiles(layoutOf(`/${'x'.repeat(100)}`), 'QM1'), { code: 'HA_STATE_UNUSABLE', message: /shorter MQ_DATA_ROOT/ })
})

t.test('mqs.ini: queue managers added, made default and removed -> read back; comments stay', async t => {
  const layout = layoutOf(t.testdir())
  ensureMqsIni(layout)
  fs.appendFileSync(layout.mqsIni, '# ours: keep\n')
  addQueueManager(layout, { name: 'a.b', prefix: layout.root, directory: 'a!b', dataPathGiven: null })
  addQueueManager(layout, { name: 'C', prefix: layout.root, directory: 'C', dataPathGiven: '/ha/data/C' })
  setDefault(layout, 'C')
  setDefault(layout, 'a.b')
  const installation = readInstallation(layout)
  t.equal(installation.defaultName, 'a.b')
  t.equal(findQueueManager(installation, 'a.b')?.dataPath, path.join(layout.root, 'qmgrs', 'a!b'))
  t.equal(findQueueManager(installation, 'C')?.dataPath, '/ha/data/C')
  t.equal(findQueueManager(installation, 'c'), null, 'names know upper and lower case')
  t.ok(removeQueueManager(layout, 'a.b'))
  t.notOk(removeQueueManager(layout, 'a.b'))
  const after = readInstallation(layout)
  t.equal(after.defaultName, null, 'the default went with it')
  t.strictSame(after.queueManagers.map(({ name }) => name), ['C'])
  t.match(fs.readFileSync(layout.mqsIni, 'utf8'), /# ours: keep/)
})

t.test('mqs.ini: faults -> all of them, each with file and line; nothing is used', async t => {
  const layout = layoutOf('/r')
  const text = 'stray=1\nAllQueueManagers:\n   DefaultPrefix=/var/mqm\n   Colour=red\nQueueManager:\n   Prefix=/x\nQueueManager:\n   Name=Q\n   Directory=../etc\n; comment\nSomethingElse:\n   Key=any\n'
  t.strictSame(parseInstallation(text, layout).faults.map(faultText), [
    "AMQ7075E: /r/mqs.ini:1: attribute 'stray=1' is not known",
    "AMQ7075E: /r/mqs.ini:4: attribute 'Colour' is not known",
    'AMQ7006E: /r/mqs.ini:5: attribute Name is missing from stanza QueueManager',
    'AMQ7006E: /r/mqs.ini:5: attribute Directory is missing from stanza QueueManager',
    "AMQ7076E: /r/mqs.ini:9: value '../etc' is not valid for attribute Directory; valid: a directory name without a path"
  ])
})

const log = { primaryFiles: 3, secondaryFiles: 2, filePages: 4096, type: 'LINEAR', management: 'AUTOMATIC', path: '/l/Q' } as const

t.test('qm.ini: a new one -> read back as it was meant', async t => {
  const { settings, faults } = parseQmIni(newQmIni(log), 'qm.ini')
  t.strictSame(faults, [])
  t.strictSame(settings.log, log)
  t.match(settings, { tcp: { port: 1414, backlog: 100 }, tls: null, errorLogBytes: 33_554_432 })
})

t.test('qm.ini: values out of range, unknown and missing ones -> every fault with its line', async t => {
  const text = ['Log:', '   LogPrimaryFiles=1', '   LogSecondaryFiles=509', '   LogFilePages=99999', '   LogType=ROUND', '   Paint=1', 'TCP:', '   Port=eighty', 'SSL:', '   Certificate=cert.pem'].join('\n')
  t.strictSame(
    parseQmIni(text, 'qm.ini').faults.map(faultText).map(line => line.replace(/;.*/, '')),
    [
      "AMQ7075E: qm.ini:6: attribute 'Paint' is not known",
      'AMQ7006E: qm.ini:1: attribute LogPath is missing from stanza Log',
      "AMQ7076E: qm.ini:2: value '1' is not valid for attribute LogPrimaryFiles",
      "AMQ7076E: qm.ini:4: value '99999' is not valid for attribute LogFilePages",
      "AMQ7076E: qm.ini:5: value 'ROUND' is not valid for attribute LogType",
      "AMQ7076E: qm.ini:3: value '509' is not valid for attribute LogSecondaryFiles",
      "AMQ7076E: qm.ini:8: value 'eighty' is not valid for attribute Port",
      'AMQ7006E: qm.ini:9: attribute Key is missing from stanza SSL',
      "AMQ7076E: qm.ini:10: value 'cert.pem' is not valid for attribute Certificate"
    ].map(line => line)
  )
})

t.test('qm.ini: not there -> HA_MQ_INI_INVALID that names it', async t => {
  const directory = t.testdir()
  t.throws(() => readQmIni(directory), { code: 'HA_MQ_INI_INVALID', message: /qm\.ini is missing/ })
  t.ok(new HaError('HA_MQ_INI_INVALID').message.length > 0)
})

t.test('durable file: written over -> the new text with its mode, nothing left beside it', async t => {
  const directory = t.testdir({ file: 'old' })
  writeDurably(path.join(directory, 'file'), 'new', 0o600)
  t.equal(fs.readFileSync(path.join(directory, 'file'), 'utf8'), 'new')
  t.equal(fs.statSync(path.join(directory, 'file')).mode & 0o777, 0o600)
  t.strictSame(fs.readdirSync(directory), ['file'])
})

t.test('directories: made with their parents -> mode whatever the umask; what was made is told', async t => {
  const directory = t.testdir()
  const before = process.umask(0o077)
  t.teardown(() => process.umask(before))
  const deep = path.join(directory, 'a', 'b')
  t.strictSame(makeDirectory(deep), [deep, path.join(directory, 'a')])
  t.equal(fs.statSync(path.join(directory, 'a')).mode & 0o7777, 0o2770)
  t.strictSame(makeDirectory(deep), [], 'the second time nothing is made')
})
