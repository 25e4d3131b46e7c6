/** dspmqinf, addmqinf, rmvmqinf: a queue manager whose data is on shared storage becomes known on a second node. Source: reference 1.10. */

import fs from 'node:fs'
import path from 'node:path'
import { addQueueManager, findQueueManager, queueManagerStanza, readInstallation, removeQueueManager } from '../installation/mqs-ini.js'
import { isQueueManagerName } from '../installation/names.js'
import { dataFiles } from '../installation/layout.js'
import { messageLine } from '../mqsc/messages.js'
import { codes, ensureInstallation, withInstallation } from './command.js'
import type { MqCommand } from './command.js'
import { lookAt } from './instance.js'

const invalidLocation = 1
const stanzaNotFound = 44
const stanzaExists = 45
const attributeMissing = 46

const quoted = (text: string): string => (/^[A-Za-z0-9./_=%,:+@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

export const dspmqinf: MqCommand = {
  wrongUse: codes.invalidParameter,
  forAnybody: true,
  spec: {
    name: 'dspmqinf',
    operands: 'QMgrName',
    operandsMin: 1,
    operandsMax: 1,
    json: 'own',
    summary: 'shows what this node knows of a queue manager',
    options: [
      { name: 'o', value: 'form', help: 'stanza (default), or command: the addmqinf to run on another node' },
      { name: 's', value: 'type', help: 'type of the stanza; QueueManager is the only one' }
    ],
    exit: [
      [0, 'shown'],
      [39, 'wrong option'],
      [44, 'no such queue manager is known here'],
      [71, 'unexpected error']
    ],
    examples: [['dspmqinf -o command QM1', 'prints the addmqinf command for the other node']]
  },
  run: ({ options, layout, complain, context, isJson }) => {
    const form = options.value('o') ?? 'stanza'
    if ((form !== 'stanza' && form !== 'command') || (options.has('s') && options.value('s') !== 'QueueManager')) {
      complain('dspmqinf: -o takes stanza or command, -s takes QueueManager')
      return Promise.resolve(codes.invalidParameter)
    }
    const name = options.operands[0] ?? ''
    const known = findQueueManager(readInstallation(layout), name)
    if (known === null) {
      complain(messageLine('AMQ8118', name))
      return Promise.resolve(stanzaNotFound)
    }
    if (isJson) context.out(JSON.stringify(known))
    else if (form === 'stanza') for (const line of queueManagerStanza(known).trimEnd().split('\n')) context.out(line)
    else {
      // The prefix is this node's own; where the data is decides, so it is always said.
      const words = [['Name', known.name], ['Directory', known.directory], ['Prefix', known.prefix], ['DataPath', known.dataPath]].map(([key, value]) => `-v ${quoted(`${key ?? ''}=${value ?? ''}`)}`)
      context.out(`addmqinf -s QueueManager ${words.join(' ')}`)
    }
    return Promise.resolve(codes.done)
  }
}

export const addmqinf: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'addmqinf',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'makes a queue manager known whose data exists already',
    options: [
      { name: 's', value: 'type', help: 'QueueManager' },
      { name: 'v', value: 'attribute', help: 'Name=, Directory=, Prefix=, DataPath=', isRepeated: true }
    ],
    exit: [
      [0, 'added'],
      [1, 'Prefix or DataPath does not lead to the data of a queue manager'],
      [39, 'wrong option or attribute'],
      [45, 'a queue manager of that name is known already'],
      [46, 'an attribute is missing'],
      [72, 'the name is not valid'],
      [119, 'not authorized']
    ],
    examples: [['addmqinf -s QueueManager -v Name=QM1 -v Directory=QM1 -v Prefix=/var/mqm -v DataPath=/ha/data/QM1', '']]
  },
  run: async ({ options, layout, complain }) => {
    const values = new Map<string, string>()
    for (const word of options.values('v')) {
      const [key = '', ...rest] = word.split('=')
      const attribute = ['Name', 'Directory', 'Prefix', 'DataPath'].find(one => one.toLowerCase() === key.toLowerCase())
      if (attribute === undefined || rest.length === 0) {
        complain(`addmqinf: -v takes Name=, Directory=, Prefix= or DataPath=, not '${word}'`)
        return codes.invalidParameter
      }
      values.set(attribute, rest.join('='))
    }
    if (options.has('s') && options.value('s') !== 'QueueManager') {
      complain('addmqinf: -s takes QueueManager')
      return codes.invalidParameter
    }
    const [name = '', directory = ''] = ['Name', 'Directory'].map(key => values.get(key))
    for (const [key, value] of [['Name', name], ['Directory', directory]] as const) {
      if (value !== '') continue
      complain(`addmqinf: ${key} is missing`)
      return attributeMissing
    }
    if (!isQueueManagerName(name)) {
      complain(messageLine('AMQ7048', name))
      return codes.nameError
    }
    if (directory.includes('/') || directory.startsWith('.')) {
      complain(`addmqinf: Directory is a name without a path, not '${directory}'`)
      return codes.invalidParameter
    }
    const prefix = values.get('Prefix') ?? layout.root
    const given = values.get('DataPath') ?? ''
    const dataPath = given === '' ? path.join(prefix, 'qmgrs', directory) : given
    if (!path.isAbsolute(prefix) || !path.isAbsolute(dataPath) || !fs.existsSync(dataFiles(dataPath).qmIni)) {
      complain(messageLine('AMQ7001', name, `${dataPath} is not the data directory of a queue manager, or cannot be reached`))
      return invalidLocation
    }
    ensureInstallation(layout)
    return await withInstallation(layout, () => {
      if (findQueueManager(readInstallation(layout), name) !== null) {
        complain(messageLine('AMQ8110', name))
        return stanzaExists
      }
      addQueueManager(layout, { name, prefix, directory, dataPathGiven: given === '' ? null : given })
      return codes.done
    })
  }
}

export const rmvmqinf: MqCommand = {
  wrongUse: codes.invalidParameter,
  spec: {
    name: 'rmvmqinf',
    operands: 'QMgrName',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'forgets a queue manager on this node; its files stay',
    options: [],
    exit: [
      [0, 'removed from mqs.ini'],
      [5, 'it is running here'],
      [44, 'no such queue manager is known here'],
      [49, 'it is just ending'],
      [119, 'not authorized']
    ]
  },
  run: async ({ options, layout, complain }) =>
    await withInstallation(layout, async () => {
      const name = options.operands[0] ?? ''
      const known = findQueueManager(readInstallation(layout), name)
      if (known === null) {
        complain(messageLine('AMQ8118', name))
        return stanzaNotFound
      }
      const { status, processId } = await lookAt(layout, known)
      if (processId !== null) {
        const isEnding = status === 'Quiescing' || status.startsWith('Ending')
        complain(messageLine(isEnding ? 'AMQ8108' : 'AMQ7005', name))
        return isEnding ? codes.stopping : codes.running
      }
      removeQueueManager(layout, name)
      return codes.done
    })
}
