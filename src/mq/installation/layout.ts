/**
 * Where an installation keeps its files. Everything hangs on the data root; what a queue manager shares between nodes
 * (data, log) may lie elsewhere, what belongs to this node (mqs.ini, sockets, machine errors) never does.
 *
 *   <root>/mqs.ini                        which queue managers this node knows
 *   <root>/errors/                        errors of the machine; last words of processes that died while starting
 *   <root>/qmgrs/<directory>/             data of a queue manager, or a symbolic link to it
 *   <root>/log/<directory>/active/        its recovery log
 *   <root>/sockets/<directory>/           local connections, control, pid, spool; of this node alone
 *
 * Source: reference 2.1, 2.4.
 */

import path from 'node:path'
import { HaError } from '../../base/errors.js'

export const dataRootDefault = '/var/mqm'

/** Longest path of a Unix socket, with its final zero byte left out (unix(7)). */
const socketPathBytesMax = 107

export interface Layout {
  readonly root: string
  readonly mqsIni: string
  readonly errors: string
  readonly queueManagers: string
  readonly logs: string
  readonly sockets: string
}

/** `MQ_DATA_ROOT` moves everything; empty means not set. A relative path is taken from the working directory. */
export function layoutFrom(env: Readonly<Record<string, string | undefined>>): Layout {
  const given = env['MQ_DATA_ROOT']
  return layoutOf(given === undefined || given === '' ? dataRootDefault : path.resolve(given))
}

export const layoutOf = (root: string): Layout => ({
  root,
  mqsIni: path.join(root, 'mqs.ini'),
  errors: path.join(root, 'errors'),
  queueManagers: path.join(root, 'qmgrs'),
  logs: path.join(root, 'log'),
  sockets: path.join(root, 'sockets')
})

/** The node-local files of one queue manager. */
export interface LocalFiles {
  readonly directory: string
  /** Clients and tools connect here. */
  readonly socket: string
  /** endmqm, dspmq and runmqlsr speak here. */
  readonly control: string
  readonly pid: string
  /** Messages that are not persistent and do not fit in memory. */
  readonly spool: string
  /** Standard error of the process since its last start. */
  readonly lastWords: string
}

/** @throws HaError HA_STATE_UNUSABLE when the path would be too long for a Unix socket */
export function localFiles(layout: Layout, directory: string): LocalFiles {
  const home = path.join(layout.sockets, directory)
  const socket = path.join(home, 'qmgr.sock')
  if (Buffer.byteLength(socket) > socketPathBytesMax) {
    throw new HaError('HA_STATE_UNUSABLE', `${socket} is longer than the ${socketPathBytesMax} bytes a local socket may have; choose a shorter MQ_DATA_ROOT`)
  }
  return { directory: home, socket, control: path.join(home, 'control'), pid: path.join(home, 'pid'), spool: path.join(home, 'spool'), lastWords: path.join(layout.errors, `${directory}.stderr`) }
}

/** The files of one queue manager that move with it. */
export const dataFiles = (dataPath: string) =>
  ({
    qmIni: path.join(dataPath, 'qm.ini'),
    status: path.join(dataPath, 'qmstatus.ini'),
    users: path.join(dataPath, 'users'),
    errors: path.join(dataPath, 'errors'),
    /** Messages of NPMCLASS(HIGH) between an orderly end and the next start. */
    kept: path.join(dataPath, 'kept')
  }) as const
