/** crtmqm: creates a queue manager. Source: reference 1.2. */

import path from 'node:path'
import { HaError } from '../../base/errors.js'
import type { AttributeValue } from '../core/definition.js'
import { findQueueManager, readInstallation } from '../installation/mqs-ini.js'
import { isQueueManagerName } from '../installation/names.js'
import { logDefaults, logRanges } from '../installation/qm-ini.js'
import type { LogSettings } from '../installation/qm-ini.js'
import { messageLine, messageText } from '../mqsc/messages.js'
import { codes, ensureInstallation, withInstallation } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { createQueueManager } from './create-queue-manager.js'
import type { NewQueueManager } from './create-queue-manager.js'
import type { OptionSpec } from './options.js'

const invalidLogSize = 115
const notHere = ['sx', 'sxs', 'fs', 'rr', 'lr', 'lln', 'ic', 'ii', 'iv', 'g'] as const

/** What crtmqm and hacrtmqm can be told. */
export const creationOptions: readonly OptionSpec[] = [
  { name: 'c', value: 'text', help: 'description, at most 64 characters' },
  { name: 'd', value: 'queue', help: 'default transmission queue (DEFXMITQ)' },
  { name: 'h', value: 'n', help: 'handles one application may hold open (MAXHANDS), 1 to 999999999; default 256' },
  { name: 'lc', help: 'circular log (default): its files are used again' },
  { name: 'll', help: 'linear log: files are kept until somebody deletes them, and media images can be recorded' },
  { name: 'lla', help: 'linear log with automatic management: files that no recovery needs any more are deleted' },
  { name: 'lf', value: 'pages', help: 'size of a log file in pages of 4 KB, 64 to 65535; default 4096; fixed for life' },
  { name: 'lp', value: 'n', help: 'primary log files, 2 to 510; default 3' },
  { name: 'ls', value: 'n', help: 'secondary log files, 1 to 509; default 2; both together at most 511' },
  { name: 'ld', value: 'directory', help: 'where its log directory is made; default: LogDefaultPath of mqs.ini' },
  { name: 'md', value: 'directory', help: 'where its data directory is made; default: qmgrs below the data root' },
  { name: 'u', value: 'queue', help: 'dead-letter queue (DEADQ); the queue is not created' },
  { name: 't', value: 'ms', help: 'trigger interval (TRIGINT), 0 to 999999999' },
  { name: 'x', value: 'n', help: 'most uncommitted messages of a unit of work (MAXUMSGS), 1 to 999999999; default 10000' },
  { name: 'q', help: 'make it the default queue manager' },
  { name: 'p', value: 'port', help: 'define a TCP listener on this port that starts with the queue manager' },
  { name: 'z', help: 'say nothing' },
  { name: 'oa', value: 'model', help: '', isIgnored: true },
  ...notHere.map(name => ({ name, help: '', isIgnored: true, ...(['ic', 'ii', 'iv', 'g', 'fs', 'rr'].includes(name) ? { value: 'value' } : {}) }))
]

export const crtmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'crtmqm',
    operands: 'QMgrName',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'creates a queue manager',
    description:
      'Makes the data directory, the recovery log and the system objects, and enters the queue manager in mqs.ini. It is not started. In directory names a dot becomes ! and a slash &.',
    options: creationOptions,
    exit: [
      [0, 'created'],
      [8, 'a queue manager of that name exists'],
      [39, 'wrong option or value'],
      [71, 'unexpected error; it is said'],
      [72, 'the name is not valid'],
      [100, 'the log location cannot be used'],
      [111, 'created, but it could not be made the default'],
      [115, 'primary and secondary log files do not go together'],
      [119, 'not authorized']
    ],
    files: ['$MQ_DATA_ROOT/mqs.ini (default /var/mqm/mqs.ini)', '<data>/qm.ini', '<log>/active/S0000000.LOG'],
    examples: [
      ['crtmqm -p 1414 QM1', 'one with a listener on port 1414'],
      ['crtmqm -md /ha/data -ld /ha/log QM1', 'data and log on shared storage; then on the other node what dspmqinf -o command QM1 prints']
    ]
  },
  run
}

async function run(surroundings: Surroundings): Promise<number> {
  const { layout, options, say, complain } = surroundings
  const name = options.operands[0] ?? ''
  if (!isQueueManagerName(name)) {
    complain(messageLine('AMQ7048', name))
    return codes.nameError
  }
  const wanted = readCreation(surroundings, name)
  if (typeof wanted === 'number') return wanted
  ensureInstallation(layout)
  return await withInstallation(layout, async () => {
    const installation = readInstallation(layout)
    if (findQueueManager(installation, name) !== null) {
      complain(messageLine('AMQ8110', name))
      return codes.exists
    }
    const logUnder = options.value('ld') ?? installation.logDefaults['logdefaultpath'] ?? layout.logs
    let isLogging = false
    try {
      const created = await createQueueManager(layout, { ...wanted, logUnder: path.resolve(logUnder) }, dataPath => {
        say(messageText('AMQ8001', name))
        say(`Directory '${dataPath}' created.`)
        say('The queue manager is associated with installation Installation1.')
        say(`Creating or replacing default objects for queue manager ${name}.`)
        isLogging = true
      })
      say(messageText('AMQ8048', created.objects, 0, 0))
      say('Completing setup.')
      say('Setup completed.')
      return codes.done
    } catch (error) {
      if (error instanceof HaError && error.code === 'HA_MQ_LOG_FULL') {
        complain(messageLine('AMQ6708', error.message))
        return codes.logLocation
      }
      if (isLogging && error instanceof Error && 'code' in error && 'path' in error && String(error.path).startsWith(path.resolve(logUnder))) {
        complain(messageLine('AMQ7064', logUnder))
        complain(error.message)
        return codes.logLocation
      }
      if (error instanceof Error && 'code' in error && 'syscall' in error && error.code !== 'EACCES') {
        complain(messageLine('AMQ7001', name, error.message))
        return codes.unexpected
      }
      throw error
    }
  })
}

/** What the options ask for, or the status with which they are refused. */
export function readCreation({ options, complain }: Surroundings, name: string): NewQueueManager | number {
  for (const option of notHere) {
    if (!options.has(option)) continue
    complain(`crtmqm: -${option} is not available here; nothing was created`)
    return codes.invalidParameter
  }
  if (options.has('oa')) complain('crtmqm: -oa has no effect here: who may do what is decided by the users file and CHLAUTH')
  const refuse = (why: string, status: number = codes.invalidParameter): number => {
    complain(`crtmqm: ${why}`)
    return status
  }
  const numbers = {
    h: options.number('h', 1, 999_999_999),
    t: options.number('t', 0, 999_999_999),
    x: options.number('x', 1, 999_999_999),
    p: options.number('p', 1, 65_535),
    lf: options.number('lf', ...logRanges.filePages),
    lp: options.number('lp', ...logRanges.primaryFiles),
    ls: options.number('ls', ...logRanges.secondaryFiles)
  }
  for (const value of Object.values(numbers)) if (typeof value === 'string') return refuse(value)
  const number = (key: keyof typeof numbers): number | null => numbers[key] as number | null // the texts were refused above
  const types = ['lc', 'll', 'lla'].filter(flag => options.has(flag))
  if (types.length > 1) return refuse(`-${types.join(' and -')} exclude each other`)
  const log: Omit<LogSettings, 'path'> = {
    primaryFiles: number('lp') ?? logDefaults.primaryFiles,
    secondaryFiles: number('ls') ?? logDefaults.secondaryFiles,
    filePages: number('lf') ?? logDefaults.filePages,
    type: types.length === 0 || types[0] === 'lc' ? 'CIRCULAR' : 'LINEAR',
    management: types[0] === 'lla' ? 'AUTOMATIC' : 'MANUAL'
  }
  if (log.primaryFiles + log.secondaryFiles > logRanges.filesInAllMax) {
    return refuse(`${log.primaryFiles} primary and ${log.secondaryFiles} secondary log files are more than ${logRanges.filesInAllMax}`, invalidLogSize)
  }
  const description = options.value('c') ?? ''
  if ([...description].length > 64) return refuse('the description has more than 64 characters')
  const attributes: Record<string, AttributeValue> = { DESCR: description }
  for (const [option, attribute] of [['u', 'DEADQ'], ['d', 'DEFXMITQ']] as const) {
    const queue = options.value(option)
    if (queue === null) continue
    if (!/^[A-Za-z0-9./_%]{1,48}$/.test(queue)) return refuse(`'${queue}' is not the name of a queue`)
    attributes[attribute] = queue
  }
  for (const [option, attribute] of [['h', 'MAXHANDS'], ['t', 'TRIGINT'], ['x', 'MAXUMSGS']] as const) {
    const value = number(option)
    if (value !== null) attributes[attribute] = value
  }
  const data = options.value('md')
  return { name, dataUnder: data === null ? null : path.resolve(data), logUnder: '', log, attributes, listenerPort: number('p'), isDefault: options.has('q') }
}
