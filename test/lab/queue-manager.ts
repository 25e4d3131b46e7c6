/**
 * The queue manager of the walkthrough (scenarios H1 to H7) in a laboratory: its names, its set-up, and clients that know
 * nothing but its floating address. The demonstration and the system tests use the same one.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { tryCommand, type CommandResult } from './command.js'
import { projectDirectory, type Lab } from './lab.js'
import type { LabNode } from './node.js'

export const queueManager = 'ha.queue.manager'
/** Its name in paths. */
export const mangledName = 'ha!queue!manager'
/** Below /run, which each node has for itself. */
export const mountPoint = '/run/ha'
export const dataDirectory = `${mountPoint}/${queueManager}/data`
export const logDirectory = `${mountPoint}/${queueManager}/log`
/** Its own data below the former, as hacrtmqm lays them out. */
export const queueManagerData = `${dataDirectory}/qmgrs/${mangledName}`

export const floatingAddress = '10.77.0.100'
export const port = 1414
export const group = `${floatingAddress}/24/eth0`
export const queue = 'HA.QUEUE'
/** The client that puts all the time has a queue of its own. */
export const loadQueue = 'LOAD.QUEUE'
export const channel = 'HA.CHANNEL'
/** What a client of a floating address says in MQSERVER. */
export const mqServer = `${channel}/TCP/${floatingAddress}(${port})`
/** Room for the log as crtmqm makes it. */
export const diskMegabytes = 512

const clientLimitMs = 30_000

const objects = `define qlocal(${queue}) defpsist(yes)
define qlocal(${loadQueue}) maxdepth(999999999)
define channel(${channel}) chltype(svrconn) trptype(tcp) mcauser('mqm')
define listener(HA.LISTENER) trptype(tcp) port(${port}) control(qmgr)
end
`

/** What both nodes see at once and lock like one: a network file system, for which a directory of this machine stands. */
export const sharedDirectory = (lab: Lab): string => path.join(lab.directory, 'shared')
/** Its own data as this machine sees them there. */
export const queueManagerOnShared = (lab: Lab): string => path.join(sharedDirectory(lab), path.relative(mountPoint, queueManagerData))
export const haresourcesOnShared = (lab: Lab): string => `n1 ${group} Filesystem::${sharedDirectory(lab)}::${mountPoint}::none::bind mqseries\n`
export const haresourcesOf = (lab: Lab): string => `n1 ${group} Filesystem::${lab.disk ?? ''}::${mountPoint}::ext4 mqseries\n`

/** Runs one of the project's commands on a node; any end but 0 throws with what it said. */
export async function toolOn(node: LabNode, tool: string, args: readonly string[], input?: string): Promise<string> {
  const result = await node.tool(tool, args, input === undefined ? {} : { input })
  if (result.code !== 0) throw new Error(`${tool} on ${node.name} ended with ${result.code}:\n${result.stdout}${result.stderr}`)
  return result.stdout
}

export async function mountDisk(lab: Lab, node: LabNode): Promise<void> {
  await node.run(['mkdir', '-p', mountPoint])
  await node.run(['mount', '-t', 'ext4', lab.disk ?? '', mountPoint])
}

export async function unmountDisk(node: LabNode): Promise<void> {
  await node.run(['umount', mountPoint])
}

/** H1: created on the first node with its data on the shared disk, made known to the second; it does not run afterwards. */
export async function createQueueManager(lab: Lab, tell: (line: string) => void = () => undefined): Promise<void> {
  const say = async (node: LabNode, tool: string, args: readonly string[], input?: string): Promise<void> => {
    await toolOn(node, tool, args, input)
    tell(`${node.name}: ${tool} ${args.join(' ')}`)
  }
  await mountDisk(lab, lab.n1)
  await lab.n1.run(['mkdir', '-p', dataDirectory, logDirectory])
  await say(lab.n1, 'hacrtmqm', ['-md', dataDirectory, '-ld', logDirectory, queueManager])
  await say(lab.n1, 'strmqm', [queueManager])
  await say(lab.n1, 'runmqsc', [queueManager], objects)
  await say(lab.n1, 'endmqm', ['-i', queueManager])
  await unmountDisk(lab.n1)
  await mountDisk(lab, lab.n2)
  await say(lab.n2, 'halinkmqm', [queueManager, mangledName, dataDirectory, 'standby'])
  await unmountDisk(lab.n2)
}

/** Keeps the disk and what both nodes know, for laboratories to come; nothing may run or be mounted. */
export async function saveQueueManager(lab: Lab, folder: string): Promise<void> {
  fs.mkdirSync(folder, { recursive: true })
  copy(path.join(lab.directory, 'disk.img'), savedDisk(folder))
  await mountDisk(lab, lab.n1)
  await lab.n1.run(['cp', '-a', '--sparse=always', mountPoint, path.join(folder, 'shared')])
  await unmountDisk(lab.n1)
  for (const node of lab.nodes) copy(path.join(node.directory, 'mqm'), path.join(folder, node.name))
}

/** The image a laboratory is to be made with (`diskFrom`), so that `restoreQueueManager` has its disk. */
export const savedDisk = (folder: string): string => path.join(folder, 'disk.img')

export function restoreQueueManager(lab: Lab, folder: string): void {
  copy(path.join(folder, 'shared'), sharedDirectory(lab))
  for (const node of lab.nodes) copy(`${path.join(folder, node.name)}/.`, path.join(node.directory, 'mqm'))
}

/** cp, since it keeps owners and holes. */
function copy(from: string, to: string): void {
  const done = spawnSync('cp', ['-a', '--sparse=always', from, to], { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`cp ${from} ${to}: ${done.stderr}`)
}

/** The address by which a program of this machine reaches the queue manager of a node, past all networks. */
export const socketOf = (node: LabNode): string => `unix:${path.join(node.directory, 'mqm/sockets', mangledName, 'qmgr.sock')}`

/** The process of the queue manager as the node counts, or null when the node knows none. */
export function processOn(node: LabNode): number | null {
  const file = path.join(node.directory, 'mqm/sockets', mangledName, 'pid')
  const pid = fs.existsSync(file) ? Number.parseInt(fs.readFileSync(file, 'utf8'), 10) : NaN
  return Number.isInteger(pid) && node.hostPidOf(pid) !== null ? pid : null
}

/** Runs one of the sample programs at the client; any end is a result. */
export async function tryAtClient(lab: Lab, program: string, args: readonly string[], input = ''): Promise<CommandResult> {
  return tryCommand([...lab.enteringClient(), process.execPath, path.join(projectDirectory, 'bin', program), ...args], { env: { MQSERVER: mqServer }, input, timeoutMs: clientLimitMs })
}

/** As tryAtClient; any end but 0 throws. The lines it said. */
export async function atClient(lab: Lab, program: string, args: readonly string[], input = ''): Promise<readonly string[]> {
  const result = await tryAtClient(lab, program, args, input)
  if (result.code !== 0) throw new Error(`${program} ended with ${result.code}:\n${result.stdout}${result.stderr}`)
  return result.stdout.trim().split('\n')
}

/** CURDEPTH of a queue, asked on the node that runs the queue manager. */
export async function depthOf(lab: Lab, name: string): Promise<number> {
  for (const node of lab.nodes) {
    if (!node.isOn) continue
    const result = await node.tool('runmqsc', [queueManager], { input: `display qlocal(${name}) curdepth\n` })
    const found = /CURDEPTH\((\d+)\)/.exec(result.stdout)
    if (found !== null) return Number(found[1])
  }
  throw new Error(`nobody tells the depth of ${name}`)
}
