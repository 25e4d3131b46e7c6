/** Lays out what a what-if found, for a person. Pure. */

import type { GroupOutcome, WhatIf } from '../whatif/world.js'

export function whatIfText(result: WhatIf): string {
  const width = Math.max(0, ...result.timeline.map(entry => entry.node?.length ?? 0))
  const lines = result.timeline.map(entry => `${String(entry.ms).padStart(7)} ms  ${(entry.node ?? '').padEnd(width)}  ${entry.node === null ? `*** ${entry.what}` : entry.what}`)
  return [
    'Assumed:',
    ...result.assumptions.map(one => `  ${one}`),
    '',
    ...lines,
    '',
    `At the end, after ${(result.endedMs / 1_000).toFixed(1)} s:`,
    ...(result.groups.length === 0 ? ['  there are no resource groups'] : result.groups.map(one => `  ${outcomeText(one)}`))
  ].join('\n')
}

function outcomeText(one: GroupOutcome): string {
  const where =
    one.after === null
      ? `${one.key} runs NOWHERE${one.before === null ? '' : ` (before: ${one.before})`}`
      : one.after === one.before
        ? `${one.key} runs on ${one.after}, as before`
        : `${one.key} runs on ${one.after}${one.before === null ? '' : ` (before: ${one.before})`}`
  const down = one.outageMs === 0 ? 'no outage' : `without service for ${span(one.outageMs)}${one.outages.length > 1 ? ` in ${one.outages.length} parts` : ''}`
  return `${where}; ${down}${one.doubleMs === 0 ? '' : `; ON BOTH NODES for ${span(one.doubleMs)}`}`
}

const span = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`)
