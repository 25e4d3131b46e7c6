/**
 * hacrtmqm, halinkmqm, hadltmqm, haunlinkmqm: a queue manager whose data and log live on a disk that moves between nodes,
 * with links where each node expects them. The words and their order are those of the old support packs (reference 2.5);
 * crtmqm -md -ld and addmqinf do the same without links.
 */

import fs from 'node:fs'
import path from 'node:path'
import { administratorAccount, becomeAdministrator, giveToAdministrator } from '../installation/administrators.js'
import { codeOf, makeDirectory } from '../installation/durable-file.js'
import { dataFiles, localFiles } from '../installation/layout.js'
import { addQueueManager, findQueueManager, readInstallation, removeQueueManager } from '../installation/mqs-ini.js'
import { directoryName, isQueueManagerName } from '../installation/names.js'
import { messageLine, messageText } from '../mqsc/messages.js'
import { codes, ensureInstallation, prepareRoot, withInstallation } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { createQueueManager } from './create-queue-manager.js'
import { creationOptions, readCreation } from './crtmqm-program.js'
import { dltmqm } from './dltmqm-program.js'
import { lookAt } from './instance.js'

const haRootDefault = '/ha'

export const hacrtmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  staysRoot: true,
  spec: {
    name: 'hacrtmqm',
    operands: 'QMgrName',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'creates a queue manager on shared storage, on the first node',
    description:
      'Data go to <ha>/data/qmgrs/<directory> and the log to <ha>/log/<directory>, where <ha> is /ha/<QMgrName>; MQHAFSDATA and MQHAFSLOG, or -md and -ld, name other directories for data and log. <root>/qmgrs/<directory> becomes a link to the data. What belongs to this node (mqs.ini, sockets) stays on its own disk. Root may run it: everything is given to user mqm, when there is one.',
    options: creationOptions,
    exit: [
      [0, 'created and linked'],
      [8, 'a queue manager of that name exists'],
      [39, 'wrong option'],
      [71, 'unexpected error'],
      [72, 'the name is not valid'],
      [119, 'not authorized']
    ],
    examples: [
      ['hacrtmqm ha.queue.manager', 'on the node where /ha is mounted'],
      ["halinkmqm ha.queue.manager 'ha!queue!manager' /ha/ha.queue.manager/data standby", 'then on the other node']
    ]
  },
  run: create
}

async function create(surroundings: Surroundings): Promise<number> {
  const { options, layout, complain, say, context } = surroundings
  const name = options.operands[0] ?? ''
  if (!isQueueManagerName(name)) return nameError(surroundings, name)
  const wanted = readCreation(surroundings, name)
  if (typeof wanted === 'number') return wanted
  const home = path.join(haRootDefault, name)
  const data = path.resolve(options.value('md') ?? nonEmpty(context.env['MQHAFSDATA']) ?? path.join(home, 'data'))
  const log = path.resolve(options.value('ld') ?? nonEmpty(context.env['MQHAFSLOG']) ?? path.join(home, 'log'))
  // Root prepares what only root can; everything after is done as the one who will run it.
  for (const directory of [data, log]) for (const one of [...makeDirectory(directory), directory]) giveToAdministrator(one)
  prepareRoot(layout)
  becomeAdministrator(administratorAccount())
  ensureInstallation(layout)
  return await withInstallation(layout, async () => {
    const directory = directoryName(name)
    const link = path.join(layout.queueManagers, directory)
    const target = path.join(data, 'qmgrs', directory)
    if (findQueueManager(readInstallation(layout), name) !== null || isThere(link)) {
      complain(messageLine('AMQ8110', name))
      return codes.exists
    }
    if (isThere(target)) {
      complain(`${messageLine('AMQ8110', name)} ${target} is there already; on this node it can be linked with halinkmqm.`)
      return codes.exists
    }
    makeDirectory(path.join(data, 'qmgrs'))
    fs.symlinkSync(target, link)
    try {
      const created = await createQueueManager(layout, { ...wanted, dataUnder: path.join(data, 'qmgrs'), logUnder: log }, dataPath => {
        say(messageText('AMQ8001', name))
        say(`Directory '${dataPath}' created.`)
      }, { linkedAs: directory })
      makeDirectory(localFiles(layout, directory).directory)
      say(messageText('AMQ8048', created.objects, 0, 0))
      say(`${link} is linked to ${target}.`)
      return codes.done
    } catch (error) {
      fs.rmSync(link, { force: true })
      throw error
    }
  })
}

export const halinkmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'halinkmqm',
    operands: 'QMgrName MangledName HADataPath [standby]',
    operandsMin: 3,
    operandsMax: 4,
    summary: 'links a queue manager of shared storage into this node',
    description:
      'Makes <root>/qmgrs/<MangledName> a link to <HADataPath>/qmgrs/<MangledName>, makes the local directory for its sockets, and enters it in mqs.ini. Nothing is created on the shared storage, which must be mounted. In a shell write ha\\!queue\\!manager for the mangled name of ha.queue.manager. Not needed where hacrtmqm ran.',
    options: [],
    exit: [
      [0, 'linked; also when it was already'],
      [39, 'wrong words'],
      [71, 'something else is in the way'],
      [72, 'the name is not valid'],
      [100, 'there is no queue manager below HADataPath'],
      [119, 'not authorized']
    ],
    examples: [['halinkmqm ha.queue.manager ha\\!queue\\!manager /ha/ha.queue.manager/data standby', '']]
  },
  run: link
}

async function link(surroundings: Surroundings): Promise<number> {
  const { options, layout, complain, say } = surroundings
  const [name = '', mangled = '', data = '', role] = options.operands
  if (!isQueueManagerName(name)) return nameError(surroundings, name)
  if (role !== undefined && role !== 'standby') {
    complain(`halinkmqm: the fourth word is standby, not '${role}'`)
    return codes.invalidParameter
  }
  if (mangled !== directoryName(name) && !mangled.startsWith(`${directoryName(name)}.`)) {
    complain(`halinkmqm: the mangled name of ${name} is ${directoryName(name)}, not ${mangled}`)
    return codes.invalidParameter
  }
  const target = path.join(path.resolve(data), 'qmgrs', mangled)
  if (!fs.existsSync(dataFiles(target).qmIni)) {
    complain(messageLine('AMQ7001', name, `${target} is no data directory of a queue manager, or is not mounted`))
    return codes.logLocation
  }
  ensureInstallation(layout)
  return await withInstallation(layout, () => {
    const at = path.join(layout.queueManagers, mangled)
    if (isThere(at) && linkOf(at) !== target) {
      complain(messageLine('AMQ7002', `${at} is there already and is not a link to ${target}`))
      return codes.unexpected
    }
    if (!isThere(at)) fs.symlinkSync(target, at)
    makeDirectory(localFiles(layout, mangled).directory)
    if (findQueueManager(readInstallation(layout), name) === null) addQueueManager(layout, { name, prefix: layout.root, directory: mangled, dataPathGiven: null })
    say(`${at} is linked to ${target}.`)
    return codes.done
  })
}

export const haunlinkmqm: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'haunlinkmqm',
    operands: 'QMgrName [MangledName]',
    operandsMin: 1,
    operandsMax: 2,
    summary: 'takes the links to a queue manager off this node; its data and log stay',
    options: [],
    exit: [
      [0, 'unlinked'],
      [5, 'it is running here'],
      [16, 'there is no queue manager of that name'],
      [71, 'it is no link'],
      [119, 'not authorized']
    ]
  },
  run: unlink
}

async function unlink(surroundings: Surroundings): Promise<number> {
  const { options, layout, complain } = surroundings
  const name = options.operands[0] ?? ''
  return await withInstallation(layout, async () => {
    const known = findQueueManager(readInstallation(layout), name)
    if (known === null) {
      complain(messageLine('AMQ8118', name))
      return codes.unknown
    }
    const { processId, local } = await lookAt(layout, known)
    if (processId !== null) {
      complain(messageLine('AMQ7005', name))
      return codes.running
    }
    const at = path.join(layout.queueManagers, known.directory)
    if (known.dataPathGiven !== null || (isThere(at) && linkOf(at) === null)) {
      complain(messageLine('AMQ7002', `${known.dataPath} is no link; use rmvmqinf`))
      return codes.unexpected
    }
    fs.rmSync(at, { force: true })
    fs.rmSync(local.directory, { recursive: true, force: true })
    removeQueueManager(layout, name)
    return codes.done
  })
}

export const hadltmqm: MqCommand = {
  ...dltmqm,
  spec: { ...dltmqm.spec, name: 'hadltmqm', summary: 'deletes a queue manager on shared storage, with its links on this node', description: 'On the other node run haunlinkmqm.' }
}

function nameError({ complain }: Surroundings, name: string): number {
  complain(messageLine('AMQ7048', name))
  return codes.nameError
}

/** Whether anything has this name, a link to nothing included. */
const isThere = (file: string): boolean => fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined

function linkOf(file: string): string | null {
  try {
    return path.resolve(path.dirname(file), fs.readlinkSync(file))
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return null // a directory, not a link
    throw error
  }
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

