/**
 * Gathers what only this host can tell about a configuration: interfaces, networks, scripts, programs, ports.
 *
 * Everything is looked at once and handed to check.ts as a value, so that the judgement is a function of facts and its
 * tests need no particular machine. Every look ends by itself within seconds; what cannot be found out is null.
 */

import { createSocket } from 'node:dgram'
import { constants } from 'node:fs'
import { access, readdir, readFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { locateScript, scriptSearchPath, type LocatedScript } from '../agent/locate.js'
import { parseIp, type IpAddress } from '../config/address.js'
import type { Configuration } from '../config/types.js'
import type { Paths } from '../daemon/paths.js'

export interface Subnet {
  readonly nic: string
  /** An address within it: our own one, or the network's. */
  readonly address: IpAddress
  readonly prefix: number
  /** Our own address, or null for a route without one. */
  readonly own: string | null
}

export interface HostInterface {
  readonly name: string
  /** Set up by the administrator; says nothing about the cable. */
  readonly isUp: boolean
  readonly hasBroadcast: boolean
  readonly isLoopback: boolean
}

export type PortState = 'free' | 'taken' | 'not-permitted'

export interface HostFacts {
  /** null when `ip` could not tell. */
  readonly interfaces: readonly HostInterface[] | null
  readonly subnets: readonly Subnet[]
  /** Each type of haresources and its script. */
  readonly scripts: ReadonlyMap<string, LocatedScript | null>
  readonly searchPath: readonly string[]
  /** Every executable name in the search path, to suggest from. */
  readonly scriptNames: readonly string[]
  readonly programs: ReadonlySet<string>
  /** By UDP port; ports are not tried while our daemon holds them. */
  readonly ports: ReadonlyMap<number, PortState>
  readonly isDaemonRunning: boolean
  /** The share of this virtual machine's processor time that its host has withheld since boot; 0 on a real one, null when unknown. */
  readonly stolenShare: number | null
}

/** The programs that check.ts has an opinion about. */
export const wantedPrograms = ['ip', 'arping', 'mount', 'umount', 'fuser', 'flock', 'chrt'] as const

export async function gatherHostFacts(configuration: Configuration, paths: Paths): Promise<HostFacts> {
  const searchPath = scriptSearchPath({ haDir: paths.haDir })
  const types = new Set(configuration.groups.flatMap(group => group.resources.map(resource => resource.type)))
  const [network, names, programs, isDaemonRunning, stat] = await Promise.all([
    gatherNetwork(),
    Promise.all(searchPath.map(folder => namesIn(folder.path))),
    findPrograms(wantedPrograms),
    answers(paths.controlSocket),
    readFile('/proc/stat', 'latin1').catch(() => '')
  ])
  return {
    ...network,
    scripts: new Map([...types].map(type => [type, locateScript(type, searchPath)])),
    searchPath: searchPath.map(folder => folder.path),
    scriptNames: [...new Set(names.flat())],
    programs,
    ports: isDaemonRunning ? new Map() : await tryPorts(configuration.cf.media.map(medium => medium.port)),
    isDaemonRunning,
    stolenShare: stolenShareOf(stat)
  }
}

/** From /proc/stat: proc(5), the columns of the line `cpu` but the guests' time, which is in user and nice already. */
export function stolenShareOf(stat: string): number | null {
  const columns = /^cpu +(\d+(?: \d+){7})/m.exec(stat)?.[1]?.split(' ').map(Number)
  if (columns === undefined) return null
  return (columns[7] ?? 0) / Math.max(1, columns.reduce((sum, one) => sum + one, 0))
}

async function gatherNetwork(): Promise<Pick<HostFacts, 'interfaces' | 'subnets'>> {
  const [addresses, routes4, routes6] = await Promise.all([
    ipJson(['address', 'show']),
    ipJson(['-4', 'route', 'show', 'scope', 'link']),
    ipJson(['-6', 'route', 'show'])
  ])
  if (addresses === null) return { interfaces: null, subnets: [] }
  const interfaces = addresses.map((entry): HostInterface => {
    const flags = listOf(entry['flags'])
    return {
      name: textOf(entry['ifname']).replace(/@.*$/, ''),
      isUp: flags.includes('UP'),
      hasBroadcast: flags.includes('BROADCAST'),
      isLoopback: flags.includes('LOOPBACK')
    }
  })
  const own = addresses.flatMap(entry =>
    listOf(entry['addr_info']).flatMap((info): Subnet[] => {
      const text = isRecord(info) ? textOf(info['local']) : ''
      const address = parseIp(text)
      const prefix = isRecord(info) ? Number(info['prefixlen']) : NaN
      return address === null || !Number.isInteger(prefix) ? [] : [{ nic: textOf(entry['ifname']), address, prefix, own: text }]
    })
  )
  const routed = [...(routes4 ?? []), ...(routes6 ?? [])].flatMap((route): Subnet[] => {
    const [text = '', bits] = textOf(route['dst']).split('/')
    const address = parseIp(text)
    if (address === null || bits === undefined || route['gateway'] !== undefined || textOf(route['dev']) === '') return []
    return [{ nic: textOf(route['dev']), address, prefix: Number(bits), own: null }]
  })
  return { interfaces, subnets: [...own, ...routed] }
}

async function ipJson(args: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[] | null> {
  const result = await execa('ip', ['-json', ...args], {
    reject: false, timeout: 5000, stdin: 'ignore', extendEnv: false, env: { PATH: searchedPath, LC_ALL: 'C' }, maxBuffer: 4_000_000
  })
  if (result.failed) return null
  try {
    const parsed: unknown = JSON.parse(result.stdout === '' ? '[]' : result.stdout)
    return listOf(parsed).filter(isRecord)
  } catch (error) {
    if (error instanceof SyntaxError) return null // an `ip` too old for -json
    throw error
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The PATH that the daemon gives to scripts; a login shell's may lack the sbin directories. */
const searchedPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

async function findPrograms(names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(
    names.map(async name => {
      const hits = await Promise.all(searchedPath.split(':').map(folder => isAccessible(join(folder, name))))
      return hits.includes(true) ? [name] : []
    })
  )
  return new Set(found.flat())
}

async function isAccessible(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(() => true, () => false)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []) // a folder that is not there holds no scripts
  const executable = await Promise.all(names.map(name => isAccessible(join(folder, name))))
  return names.filter((_, index) => executable[index])
}

/** Whether a daemon accepts connections on its control socket. Connecting to a local socket never waits. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // EACCES: somebody holds the socket, and we are not allowed to talk to it.
    socket.once('error', error => resolve('code' in error && error.code === 'EACCES'))
  })
}

async function tryPorts(ports: readonly number[]): Promise<ReadonlyMap<number, PortState>> {
  const states = new Map<number, PortState>()
  for (const port of new Set(ports)) states.set(port, await tryPort(port))
  return states
}

function tryPort(port: number): Promise<PortState> {
  return new Promise(resolve => {
    const socket = createSocket({ type: 'udp4', reuseAddr: false })
    socket.once('error', error => {
      socket.close()
      resolve('code' in error && error.code === 'EACCES' ? 'not-permitted' : 'taken')
    })
    socket.bind({ port, address: '0.0.0.0', exclusive: true }, () => socket.close(() => resolve('free')))
  })
}
