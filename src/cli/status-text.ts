/**
 * Lays out a status report for a person who was woken by a pager: Linux-HA's own first line, then what needs attention,
 * then nodes and links, then one row a group. Pure.
 */

import type { GroupReport, LinkReport, NodeReport, SafetyReport, StatusReport } from '../control/protocol.js'

export function statusText(report: StatusReport): string {
  const peers = report.nodes.filter(node => !node.isSelf)
  return [
    `heartbeat OK [pid ${report.pid} et al] is running on ${report.node} [${report.node}]...`,
    ...attention(report),
    '',
    `node ${report.node}: ${report.phase}, holds ${holdingText(report.holding)}; up ${age(report.uptimeMs)}, generation ${report.generation}`,
    `  keepalive ${age(report.timing.keepaliveMs)}, warntime ${age(report.timing.warntimeMs)}, deadtime ${age(report.timing.deadtimeMs)}, initdead ${age(report.timing.initdeadMs)}, auto_failback ${report.autoFailback}`,
    ...peers.flatMap(peerLines),
    ...report.safety.map(safetyLine),
    '',
    ...groupTable(report.groups)
  ].join('\n')
}

/** Warnings of the daemon, and the two states of a group that never end by themselves. */
function attention(report: StatusReport): readonly string[] {
  const stuck = report.groups.flatMap(group => {
    const isStuck = (state: GroupReport['here'] | null): boolean => state === 'failed' || state === 'blocked'
    const peer = report.nodes.find(node => !node.isSelf)?.name ?? 'the peer'
    const where = [
      isStuck(group.here) ? `${group.key} is ${group.here} on ${report.node}: ${group.reason}` : null,
      isStuck(group.there) ? `${group.key} is ${group.there ?? ''} on ${peer}: heartbeat status there says why` : null
    ]
    return where.filter(found => found !== null)
  })
  // A warning of the daemon that names the group already says it better.
  const own = stuck.filter(line => !report.warnings.some(warning => warning.includes(line.split(' ')[0] ?? line)))
  const lines = [...report.warnings, ...own].map(line => `WARNING: ${line}`)
  for (const difference of report.differences ?? []) if (difference.level === 'info') lines.push(`note: ${difference.text}`)
  const { stalls } = report
  if (stalls.count > 0) {
    const last = stalls.lastAgoMs === null ? '' : `; last ${age(stalls.lastAgoMs)} ago for ${age(stalls.lastMs)}${stalls.cause === null ? '' : `: ${stalls.cause}`}`
    lines.push(`note: this node's daemon stalled ${stalls.count} times, ${age(stalls.longestMs)} at most, ${age(stalls.totalMs)} in all${last}`)
  }
  if ((report.peerStalledMs ?? 0) > 0) lines.push(`note: ${report.nodes.find(node => !node.isSelf)?.name ?? 'the peer'} says that it stalled for ${age(report.peerStalledMs ?? 0)} since its start`)
  return lines
}

/** `fencing  proven    fence_ipmilan ip=10.0.0.9: last proven 3 h ago`. */
const safetyLine = (one: SafetyReport): string =>
  `  ${one.method.padEnd(8)} ${one.standing === 'unproven' ? 'UNPROVEN' : one.standing.padEnd(8)}  ${one.description === null ? '' : `${one.description}: `}${one.text}`

function holdingText(holding: StatusReport['holding']): string {
  return holding === 'none' ? 'no resources' : holding === 'transition' ? 'resources in transition' : `${holding} resources`
}

function peerLines(node: NodeReport): readonly string[] {
  const daemon = { own: '', 'linux-ha': ", Linux-HA's heartbeat", unknown: '' }[node.implementation]
  const generation = node.generation === null ? '' : `, generation ${node.generation}`
  const head = `peer ${node.name}: ${node.state === 'dead' ? 'DEAD' : node.state}${generation}${daemon}${node.reason === '' ? '' : ` (${node.reason})`}`
  const widths = { name: widest(node.links.map(link => link.name)), description: widest(node.links.map(link => link.description)) }
  return [head, ...node.links.map(link => linkLine(link, widths))]
}

function linkLine(link: LinkReport, widths: { readonly name: number; readonly description: number }): string {
  const heard = link.silenceMs === null ? 'never heard' : link.state === 'up' ? `heard ${age(link.silenceMs)} ago` : `silent for ${age(link.silenceMs)}`
  return `  link ${link.name.padEnd(widths.name)}  ${link.state === 'up' ? 'up  ' : 'DEAD'}  ${link.description.padEnd(widths.description)}  ${heard}; medium: ${link.medium}`
}

function groupTable(groups: readonly GroupReport[]): readonly string[] {
  if (groups.length === 0) return ['no resource groups in haresources']
  const rows = groups.map(group => [group.key, group.home, group.here, group.there ?? '-', group.owner ?? 'NOBODY', group.reason])
  return table([['GROUP', 'HOME', 'HERE', 'THERE', 'OWNER', 'REASON'], ...rows])
}

/** Columns as wide as their longest word; the last one is free. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => widest(rows.map(row => row[column] ?? '')))
  return rows.map(row => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd())
}

function widest(words: readonly string[]): number {
  return words.reduce((width, word) => Math.max(width, word.length), 0)
}

/** A duration with the two units that matter: `80 ms`, `1.5 s`, `3 min 20 s`, `2 d 4 h`. */
export function age(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  const seconds = ms / 1_000
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`
  const [large, largeName, small, smallName] =
    seconds < 3_600 ? [60, 'min', 1, 's'] as const : seconds < 86_400 ? [3_600, 'h', 60, 'min'] as const : [86_400, 'd', 3_600, 'h'] as const
  const rest = Math.floor((seconds % large) / small)
  return `${Math.floor(seconds / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`
}
