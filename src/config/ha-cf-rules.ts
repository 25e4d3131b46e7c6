/**
 * The second pass over ha.cf: fills in the defaults and checks the directives against each other.
 *
 * The times must leave room for each other: a peer is judged after deadtime, warned about after warntime, and has to be
 * able to lose a datagram without either. The reasons are Linux-HA's; its messages just do not say them.
 *
 * Not here: the form of single lines (ha-cf.ts, ha-cf-media.ts).
 */

import { millis, type Millis } from '../base/units.js'
import { bounds, defaults } from './defaults.js'
import type { Findings } from './diagnostics.js'
import { arbiterOf } from './ha-cf-arbiter.js'
import { connectivityOf } from './ha-cf-connectivity.js'
import type { Draft, TimeName } from './ha-cf-draft.js'
import { checkedFencing } from './ha-cf-fencing.js'
import { checkedLease } from './ha-cf-lease.js'
import { startOf, type SourceText } from './lexer.js'
import { nearestName } from './nearest.js'
import type { AutoFailback, HaCf, MediumSpec, Position } from './types.js'
import { shownTime } from './values.js'

/** The whole value, faults or not; the caller throws it away when a finding is an error. */
export function checkWhole(source: SourceText, draft: Draft, context: { readonly nodeName: string }, findings: Findings): HaCf {
  const start = startOf(source.file)
  checkNodes(start, draft, context.nodeName.toLowerCase(), findings)
  const udpport = draft.numbers.get('udpport')?.value ?? defaults.udpport
  const media = draft.media.map((medium): MediumSpec => (medium.kind === 'mcast' ? { ...medium, port: medium.port ?? udpport } : { ...medium, port: udpport }))
  if (!['bcast', 'ucast', 'mcast', 'udp'].some(name => draft.broken.has(name))) checkMedia(start, media, findings)
  const times = checkedTimes(start, draft, findings)
  const nodes = draft.nodes.map(node => node.value)
  return {
    nodes,
    ...times,
    fencing: checkedFencing(draft, findings),
    lease: checkedLease(draft, times.deadtimeMs, findings),
    udpport,
    media,
    autoFailback: chosenFailback(start, draft, findings),
    ...chosenLogs(draft),
    watchdog: draft.texts.get('watchdog')?.value ?? null,
    debug: draft.numbers.get('debug')?.value ?? defaults.debug,
    realtime: draft.realtime?.value ?? defaults.realtime,
    rtprio: draft.numbers.get('rtprio')?.value ?? defaults.rtprio,
    hopfudge: draft.numbers.get('hopfudge')?.value ?? defaults.hopfudge,
    stopRetries: draft.numbers.get('stop_retries')?.value ?? defaults.stopRetries,
    arbiter: arbiterOf(draft.arbiter, nodes),
    connectivity: connectivityOf(draft, { nodes, media, deadtimeMs: times.deadtimeMs }, findings),
    recorded: Object.fromEntries(draft.recorded)
  }
}

function checkNodes(start: Position, draft: Draft, self: string, findings: Findings): void {
  const [first] = draft.nodes
  if (draft.broken.has('node')) return
  if (first === undefined) {
    findings.error(start, { what: 'no `node` line', why: 'a cluster needs to know its two nodes', fix: `write \`node ${self} OTHER\`, with the names that \`uname -n\` prints` })
    return
  }
  const names = draft.nodes.map(node => node.value)
  if (!names.includes(self)) {
    const namesake = draft.nodes.find(node => node.value.split('.')[0] === self.split('.')[0])
    const near = namesake?.value ?? nearestName(self, names)
    const place = draft.nodes.find(node => node.value === near) ?? first
    findings.error(place.position, {
      what: `this node \`${self}\` is not listed`,
      why: 'a node that is not in the file may not join the cluster',
      fix: near === null ? `add \`node ${self}\`, or correct the host name` : `write \`${self}\` instead of \`${near}\`, or correct the host name (uname -n)`
    })
  }
  const third = draft.nodes[2]
  if (third !== undefined) {
    findings.error(third.position, {
      what: `${names.length} nodes are listed`,
      why: 'this version runs clusters of exactly two nodes',
      fix: 'list the two nodes that share the resources'
    })
  } else if (names.length === 1) {
    findings.error(first.position, {
      what: 'only one node is listed',
      why: 'this version runs clusters of exactly two nodes',
      fix: 'add the name of the other node'
    })
  }
}

function checkMedia(start: Position, media: readonly MediumSpec[], findings: Findings): void {
  const [first] = media
  if (first === undefined) {
    findings.error(start, {
      what: 'no heartbeat medium',
      why: 'the nodes could not hear each other, and both would run everything',
      fix: 'write at least one `bcast INTERFACE`, `ucast INTERFACE ADDRESS` or `mcast` line, better two on separate cables'
    })
  } else if (new Set(media.map(medium => medium.name)).size === 1) {
    findings.warning(first.position, {
      what: `all heartbeats travel over ${first.name}`,
      why: 'when that one link fails, both nodes take the peer for dead and both run the resources',
      fix: 'add a medium on a second interface with its own cable'
    })
  }
}

type Times = Pick<HaCf, 'keepaliveMs' | 'warntimeMs' | 'deadtimeMs' | 'initdeadMs' | 'startTimeoutMs' | 'stopTimeoutMs' | 'statusTimeoutMs' | 'stopRetryDelayMs'>

function checkedTimes(start: Position, draft: Draft, findings: Findings): Times {
  const given = (name: TimeName, fallback: Millis): Millis => draft.times.get(name)?.value ?? fallback
  const place = (...names: TimeName[]): Position => names.map(name => draft.times.get(name)?.position).find(position => position !== undefined) ?? start
  /** Whether all these are what the administrator meant; a rule over a mistyped one would mislead. */
  const isMeant = (...names: TimeName[]): boolean => !names.some(name => draft.broken.has(name))
  /** `(line 3)` or `(the default)`, so that the reader need not search. */
  const origin = (name: TimeName): string => {
    const position = draft.times.get(name)?.position
    return position === undefined ? '(the default)' : `(line ${position.line})`
  }

  const keepaliveMs = given('keepalive', defaults.keepaliveMs)
  const deadtimeMs = given('deadtime', defaults.deadtimeMs)
  const warntimeMs = given('warntime', defaults.warntimeMs(deadtimeMs))
  const initdeadMs = given('initdead', defaults.initdeadMs(deadtimeMs))

  if (keepaliveMs < bounds.keepaliveMinMs) {
    findings.error(place('keepalive'), {
      what: `keepalive ${shownTime(keepaliveMs)} is too short`,
      why: 'below 10ms the scheduler of a busy machine decides who lives, not the peer',
      fix: 'write `keepalive 10ms` or longer'
    })
  }
  const isComparable = isMeant('deadtime', 'keepalive')
  if (isComparable && deadtimeMs <= 2 * keepaliveMs) {
    findings.error(place('deadtime', 'keepalive'), {
      what: `deadtime ${shownTime(deadtimeMs)} ${origin('deadtime')} must exceed twice keepalive ${shownTime(keepaliveMs)} ${origin('keepalive')}`,
      why: 'one lost or late datagram would make the peer dead',
      fix: `write \`deadtime ${shownForFile(millis(Math.max(4 * keepaliveMs, 40)))}\` or longer, or a shorter keepalive`
    })
  } else if (isComparable && deadtimeMs < 3 * keepaliveMs) {
    findings.warning(place('deadtime', 'keepalive'), {
      what: `deadtime ${shownTime(deadtimeMs)} is less than three times keepalive ${shownTime(keepaliveMs)}`,
      why: 'two lost datagrams in a row, as in a short burst of traffic, move all resources',
      fix: `write \`deadtime ${shownForFile(millis(5 * keepaliveMs))}\` or longer, or a shorter keepalive`
    })
  }
  const warntime = draft.times.get('warntime')
  if (warntime !== undefined && warntimeMs === 0) {
    findings.error(warntime.position, { what: 'warntime is 0', why: 'every heartbeat would be called late', fix: 'write a time between keepalive and deadtime, or delete the line' })
  } else if (warntime !== undefined && isMeant('deadtime') && warntimeMs >= deadtimeMs) {
    findings.error(warntime.position, {
      what: `warntime ${shownTime(warntimeMs)} must be shorter than deadtime ${shownTime(deadtimeMs)} ${origin('deadtime')}`,
      why: 'the peer would be dead before it is called late',
      fix: `write \`warntime ${shownForFile(defaults.warntimeMs(deadtimeMs))}\`, or delete the line`
    })
  } else if (warntime !== undefined && isMeant('keepalive') && warntimeMs <= keepaliveMs) {
    findings.warning(warntime.position, {
      what: `warntime ${shownTime(warntimeMs)} is not longer than keepalive ${shownTime(keepaliveMs)} ${origin('keepalive')}`,
      why: 'punctual heartbeats would be called late',
      fix: 'write a time between keepalive and deadtime'
    })
  }
  const initdead = draft.times.get('initdead')
  if (initdead !== undefined && isMeant('deadtime') && initdeadMs < deadtimeMs) {
    findings.error(initdead.position, {
      what: `initdead ${shownTime(initdeadMs)} is shorter than deadtime ${shownTime(deadtimeMs)} ${origin('deadtime')}`,
      why: 'a peer would have less time to be heard at a cold start than in service',
      fix: `write \`initdead ${shownForFile(deadtimeMs)}\` or longer, or delete the line`
    })
  }

  const limits = {
    startTimeoutMs: given('start_timeout', defaults.startTimeoutMs),
    stopTimeoutMs: given('stop_timeout', defaults.stopTimeoutMs),
    statusTimeoutMs: given('status_timeout', defaults.statusTimeoutMs)
  }
  for (const name of ['start_timeout', 'stop_timeout', 'status_timeout'] as const) {
    const limit = draft.times.get(name)
    if (limit !== undefined && limit.value < 100) {
      findings.error(limit.position, {
        what: `${name} ${shownTime(limit.value)} is too short`,
        why: 'no script ends in less than 100ms on a busy machine, so every resource would fail',
        fix: 'write a few times what the slowest script needs, or delete the line'
      })
    }
  }
  return { keepaliveMs, warntimeMs, deadtimeMs, initdeadMs, ...limits, stopRetryDelayMs: given('stop_retry_delay', defaults.stopRetryDelayMs) }
}

/** A time in ha.cf's own spelling. */
export const shownForFile = (value: Millis): string => (value % 1000 === 0 ? String(value / 1000) : `${value}ms`)

function chosenFailback(start: Position, draft: Draft, findings: Findings): AutoFailback {
  if (draft.autoFailback !== null) return draft.autoFailback.value
  if (draft.niceFailback === null) {
    findings.warning(start, {
      what: '`auto_failback` is not set',
      why: 'it is `legacy` then, as in Linux-HA: resources always return to their home node, which costs a second outage',
      fix: 'write `auto_failback off` (stay where they are) or `auto_failback on`'
    })
  }
  return defaults.autoFailback
}

function chosenLogs(draft: Draft): Pick<HaCf, 'logfile' | 'debugfile' | 'logfacility'> {
  const logfile = draft.texts.get('logfile')?.value ?? null
  const debugfile = draft.texts.get('debugfile')?.value ?? null
  const facility = draft.texts.get('logfacility')?.value ?? 'none'
  const logfacility = facility === 'none' ? null : facility
  const hasNone = logfile === null && debugfile === null && logfacility === null
  return { logfile: hasNone ? defaults.logfile : logfile, debugfile, logfacility }
}
