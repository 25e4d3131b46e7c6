/** dmpmqcfg: the configuration of a running queue manager as MQSC, ready for runmqsc. Source: reference 1.12. */

import os from 'node:os'
import { askQueueManager } from '../daemon/control-client.js'
import type { ObjectDefinition, ObjectType } from '../core/definition.js'
import { ownName } from '../daemon/security.js'
import { dumpConfiguration, dumpHeader, dumpTypes } from '../mqsc/dump.js'
import type { DumpOptions } from '../mqsc/dump.js'
import { messageLine } from '../mqsc/messages.js'
import { codes, named } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { lookAt } from './instance.js'

const parts = ['all', 'object', 'authrec', 'chlauth', 'sub', 'policy'] as const
const formats = ['mqsc', '1line', '2line'] as const
const answerMs = 60_000
const notHere = ['u', 'r', 's', 'w', 'c'] as const

export const dmpmqcfg: MqCommand = {
  wrongUse: codes.invalidArguments,
  spec: {
    name: 'dmpmqcfg',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    json: 'own',
    summary: 'prints the configuration of a queue manager as MQSC',
    description: 'Its output, fed to runmqsc on a new queue manager, makes one of the same configuration.',
    options: [
      { name: 'm', value: 'QMgrName', help: 'queue manager; default: the default one. It must be running' },
      { name: 'a', help: 'every attribute; else those that differ from the defaults' },
      { name: 'x', value: 'part', help: 'all (default), object, chlauth, sub, authrec, policy' },
      { name: 'n', value: 'name', help: 'objects of this name; a trailing * is allowed' },
      { name: 't', value: 'type', help: `all (default), or one of ${Object.keys(dumpTypes).filter(type => type !== 'all').join(', ')}` },
      { name: 'o', value: 'format', help: 'mqsc (default), 1line or 2line' },
      { name: 'z', help: 'no messages' },
      ...notHere.map(name => ({ name, value: 'value', help: '', isIgnored: true }))
    ],
    exit: [
      [0, 'printed'],
      [16, 'there is no queue manager of that name'],
      [36, 'wrong arguments'],
      [40, 'it is not running'],
      [71, 'unexpected error']
    ],
    examples: [['dmpmqcfg -m QM1 -a > QM1.mqsc', ''], ['runmqsc QM2 < QM1.mqsc', '']]
  },
  run
}

async function run(surroundings: Surroundings): Promise<number> {
  const { options, complain, context, layout, isJson } = surroundings
  const refuse = (why: string): number => {
    complain(`dmpmqcfg: ${why}`)
    return codes.invalidArguments
  }
  const [part = 'all', type = 'all', format = 'mqsc'] = [options.value('x'), options.value('t'), options.value('o')].map(value => value?.toLowerCase())
  if (!parts.includes(part as (typeof parts)[number])) return refuse(`-x takes ${parts.join(', ')}, not '${part}'`)
  if (!Object.hasOwn(dumpTypes, type)) return refuse(`-t takes ${Object.keys(dumpTypes).join(', ')}, not '${type}'`)
  if (!formats.includes(format as (typeof formats)[number])) return refuse(`-o takes ${formats.join(', ')}, not '${format}'`)
  if (options.has('r') || options.has('c')) return refuse('-r and -c are not available here: run it on the node of the queue manager')
  const found = named(surroundings, options.value('m') ?? undefined)
  if (!found.ok) return found.status
  const { name } = found.queueManager
  const { processId, local } = await lookAt(layout, found.queueManager)
  const answer = processId === null ? null : await askQueueManager(local.control, { op: 'definitions' }, answerMs)
  if (answer?.ok !== true || answer.definitions === undefined) {
    complain(messageLine('AMQ8146', name))
    return codes.notAvailable
  }
  const { definitions } = answer
  if (isJson) {
    context.out(JSON.stringify(definitions))
    return codes.done
  }
  const pattern = options.value('n')
  const dump: DumpOptions = {
    isWhole: options.has('a'),
    part: part as NonNullable<DumpOptions['part']>,
    type,
    format: format as NonNullable<DumpOptions['format']>,
    ...(pattern === null ? {} : { pattern })
  }
  const byType = new Map<ObjectType, ObjectDefinition[]>()
  for (const definition of definitions) byType.set(definition.type, [...(byType.get(definition.type) ?? []), definition])
  const command = `dmpmqcfg ${process.argv.slice(2).join(' ')}`.trimEnd()
  for (const line of dumpHeader({ wallMs: context.clock.wall(), user: ownName(), host: os.hostname(), queueManager: name, command })) context.out(line)
  for (const line of dumpConfiguration({ list: one => byType.get(one) ?? [] }, dump)) context.out(line)
  return codes.done
}
