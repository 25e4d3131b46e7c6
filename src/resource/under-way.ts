/** Reads off a group's machine which script operation it waits for. Pure. */

import type { GroupMachine, GroupOperation } from './group-machine.js'

export interface UnderWay {
  /** Index of the resource in its group. */
  readonly index: number
  readonly operation: GroupOperation
}

/** The operation under way, or null when none is, or when it is being ended. */
export function operationUnderWay(machine: GroupMachine): UnderWay | null {
  const { run } = machine
  switch (run.kind) {
    case 'probing':
      return { index: run.index, operation: 'status' }
    case 'starting':
      return run.operation === 'paused' ? null : { index: run.index, operation: run.operation }
    case 'stopping':
      return run.doing === 'stop' || run.doing === 'status' ? { index: run.index, operation: run.doing } : null
    case 'stopped':
    case 'running':
    case 'failed':
    case 'blocked':
      return null
  }
}
