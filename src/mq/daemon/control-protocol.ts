/**
 * What endmqm, runmqlsr, dmpmqcfg and their like say to a queue manager over its control socket: one JSON object a line,
 * both ways. The directory of the socket decides who may; whoever can open it is an administrator.
 */

import type { ObjectDefinition } from '../core/definition.js'

export type EndMode = 'controlled' | 'immediate' | 'preemptive'

export type ControlRequest =
  | { readonly op: 'status' }
  /** Ends the queue manager; the connection stays open until the process is gone. `targetSeconds` shortens the phases. */
  | { readonly op: 'end'; readonly mode: EndMode; readonly targetSeconds: number | null; readonly mayPreempt: boolean }
  /** Opens a listener that lives as long as this connection. */
  | { readonly op: 'listen'; readonly port: number; readonly address: string; readonly backlog: number }
  | { readonly op: 'end-listeners' }
  | { readonly op: 'definitions' }
  /** Media images of the queues of these names. */
  | { readonly op: 'record-image'; readonly queues: readonly string[] }

export interface ControlStatus {
  readonly processId: number
  readonly status: 'STARTING' | 'RUNNING' | 'QUIESCING' | 'ENDING'
  readonly connections: number
  readonly listeners: readonly { readonly name: string; readonly port: number; readonly address: string }[]
}

export type ControlAnswer =
  | { readonly ok: true; readonly status?: ControlStatus; readonly definitions?: readonly ObjectDefinition[]; readonly count?: number; readonly port?: number; /** A listener that endmqlsr ended. */ readonly ended?: boolean }
  | { readonly ok: false; readonly id: string; readonly why: string }

export const controlLineMax = 64 * 1024

const isText = (value: unknown, max: number): value is string => typeof value === 'string' && value.length <= max

/** null when the line is no request. */
export function parseControlRequest(line: string): ControlRequest | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  if (typeof value !== 'object' || value === null) return null
  const fields = value as Readonly<Record<string, unknown>>
  switch (fields['op']) {
    case 'status':
    case 'end-listeners':
    case 'definitions':
      return { op: fields['op'] }
    case 'end': {
      const { mode, targetSeconds, mayPreempt } = fields
      if (mode !== 'controlled' && mode !== 'immediate' && mode !== 'preemptive') return null
      const isTarget = typeof targetSeconds === 'number' && targetSeconds >= 0 && targetSeconds <= 1_000_000
      return { op: 'end', mode, targetSeconds: isTarget ? targetSeconds : null, mayPreempt: mayPreempt === true }
    }
    case 'listen': {
      const { port, address, backlog } = fields
      const isRange = (number: unknown, low: number): number is number => Number.isInteger(number) && (number as number) >= low && (number as number) <= 65_535
      return isRange(port, 0) && isText(address, 256) && isRange(backlog, 0) ? { op: 'listen', port, address, backlog } : null
    }
    case 'record-image': {
      const { queues } = fields
      return Array.isArray(queues) && queues.length <= 100_000 && queues.every(name => isText(name, 48)) ? { op: 'record-image', queues: queues as string[] } : null
    }
    default:
      return null
  }
}
