/** dspmq: which queue managers this node knows, and how they are. Source: reference 1.6. */

import type { Layout } from '../installation/layout.js'
import { readInstallation } from '../installation/mqs-ini.js'
import type { Installation } from '../installation/mqs-ini.js'
import { messageLine } from '../mqsc/messages.js'
import { codes } from './command.js'
import type { MqCommand, Surroundings } from './command.js'
import { lookAt } from './instance.js'
import type { Instance } from './instance.js'
import { productVersion } from './product.js'

const nameWidth = 58
const whats = ['all', 'default', 'installation', 'standby', 'status', 'ha', 'dr', 'nativeha'] as const
type What = (typeof whats)[number]
const active: ReadonlySet<string> = new Set(['Starting', 'Running', 'Running as standby', 'Quiescing', 'Ending immediately', 'Ending pre-emptively'])

export const dspmq: MqCommand = {
  wrongUse: codes.invalidArguments,
  forAnybody: true,
  spec: {
    name: 'dspmq',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    json: 'own',
    summary: 'shows the queue managers of this node',
    options: [
      { name: 'm', value: 'QMgrName', help: 'this queue manager alone' },
      { name: 'o', value: 'what', help: 'all, default, installation, standby, status; may be given more than once', isRepeated: true },
      { name: 's', help: 'status, as -o status' },
      { name: 'x', help: 'the instances, each with its host' },
      { name: 'n', help: 'status words in upper case, for programs' },
      { name: 'a', help: 'those alone that are active on this node; success is status 5' },
      { name: 'c', help: 'those alone that have processes on this node' },
      { name: 'g', help: '', isIgnored: true }
    ],
    exit: [
      [0, 'shown'],
      [5, 'with -a: shown'],
      [36, 'wrong arguments'],
      [71, 'unexpected error'],
      [72, 'no queue manager of that name']
    ],
    examples: [
      ['dspmq', 'QMNAME(QM1) STATUS(Running)'],
      ['dspmq --json', 'the same and more for a program']
    ]
  },
  run
}

async function run(surroundings: Surroundings): Promise<number> {
  const { layout, options, complain, isJson, context } = surroundings
  const given = options.values('o')
  const wrong = given.find(what => !whats.includes(what as What))
  if (wrong !== undefined) {
    complain(`dspmq: -o takes ${whats.join(', ')}, not '${wrong}'`)
    return codes.invalidArguments
  }
  const wanted = new Set<What>([...(given as What[]), ...(options.has('s') || given.length === 0 ? (['status'] as const) : [])])
  const installation = readInstallation(layout)
  const only = options.value('m')
  const chosen = installation.queueManagers.filter(({ name }) => only === null || name === only)
  if (only !== null && chosen.length === 0) {
    complain(messageLine('AMQ7048', only))
    return codes.nameError
  }
  const looked = await Promise.all(chosen.map(queueManager => lookAt(layout, queueManager)))
  const shown = looked.filter(instance => (!options.has('a') && !options.has('c')) || active.has(instance.status))
  if (isJson) context.out(JSON.stringify(shown.map(instance => asObject(instance, installation, layout))))
  else {
    if (shown.length === 0) complain(messageLine('AMQ8919', only ?? ''))
    for (const instance of shown) for (const line of linesOf(instance, installation, wanted, options.has('n'), options.has('x'))) context.out(line)
  }
  return options.has('a') ? codes.running : codes.done
}

function linesOf(instance: Instance, installation: Installation, wanted: ReadonlySet<What>, isPlain: boolean, withInstances: boolean): string[] {
  const { queueManager, status, master } = instance
  const has = (what: What): boolean => wanted.has(what) || wanted.has('all')
  const items: string[] = []
  if (has('status')) items.push(`STATUS(${isPlain ? status.toUpperCase() : status})`)
  if (has('default')) items.push(`DEFAULT(${queueManager.name === installation.defaultName ? 'yes' : 'no'})`)
  if (has('standby')) items.push(`STANDBY(${standbyOf(instance)})`)
  if (has('installation')) items.push('INSTNAME(Installation1)', `INSTPATH(${productVersion().path})`, `INSTVER(${productVersion().version})`)
  if (has('ha') || has('nativeha')) items.push('HA( )')
  if (has('dr')) items.push('DRROLE( )')
  const name = `QMNAME(${queueManager.name})`
  const lines = [items.length === 0 ? name : `${name.padEnd(nameWidth - 1)} ${items.join(' ')}`]
  if (withInstances && master?.isHeld === true && master.holder !== null) lines.push(`    INSTANCE(${master.holder.host}) MODE(Active)`)
  return lines
}

/** Standby instances are not available: an active instance does not permit them, one that ended has no say. */
const standbyOf = ({ master }: Instance): string => (master?.isHeld === true ? 'Not permitted' : 'Not applicable')

function asObject(instance: Instance, installation: Installation, layout: Layout): object {
  const { queueManager, status, recorded, master, processId, local } = instance
  return {
    name: queueManager.name,
    status,
    isDefault: queueManager.name === installation.defaultName,
    dataPath: queueManager.dataPath,
    directory: queueManager.directory,
    root: layout.root,
    processId,
    holder: master?.isHeld === true ? master.holder : null,
    startedMs: recorded?.startedMs ?? null,
    reason: recorded?.reason ?? '',
    socket: local.socket
  }
}
