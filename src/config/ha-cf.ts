/**
 * Reads ha.cf: text in, a checked value with every default filled in out, and all findings on the way.
 *
 * Two passes. The first takes each line by itself: the directive's name, the form of its values. The second looks at
 * the whole: times against each other, the own node, the media. So a fault in one line never hides another, and order
 * does not matter (Linux-HA wants `udpport` before the media; we warn, since its daemon would read the file otherwise).
 *
 * Invariants
 *  1. `cf` is null exactly when a finding is an error.
 *  2. `nodes` is what the file names, whatever else is wrong in it, so that haresources can be checked in the same run;
 *     it is empty when a node line itself is faulty.
 *
 * Not here: whether interfaces and paths exist (cli/check.ts), what a directive means (directives.ts).
 * Source: Linux-HA 3.0.6; differences: two nodes exactly, one value where one is meant, addresses instead of names.
 */

import { bounds } from './defaults.js'
import { Findings } from './diagnostics.js'
import { directiveNames, directives, isActedOn, type ActedOnName } from './directives.js'
import { onArbiter } from './ha-cf-arbiter.js'
import { onPing, onPingGroup } from './ha-cf-connectivity.js'
import { emptyDraft, type Draft, type NumberName, type Setting, type TimeName } from './ha-cf-draft.js'
import { onFenceAction, onFenceTest, onStonith, onStonithHost } from './ha-cf-fencing.js'
import { onLease } from './ha-cf-lease.js'
import { onBcast, onMcast, onUcast } from './ha-cf-media.js'
import { checkWhole } from './ha-cf-rules.js'
import { linesOf, piecesOf, shown, startOf, withoutComment, wordsOf, type SourceText, type Word } from './lexer.js'
import { didYouMean, nearestName } from './nearest.js'
import type { Diagnostic, HaCf } from './types.js'
import { parseBoolean, parseNumber, parseTime, type Value } from './values.js'

export interface HaCfContext {
  /** This node's name: `uname -n`, or the first line of the file `nodeinfo`. */
  readonly nodeName: string
}

export interface ParsedHaCf {
  readonly cf: HaCf | null
  readonly nodes: readonly string[]
  readonly diagnostics: readonly Diagnostic[]
}

type Handler = (values: readonly Word[], name: Word, draft: Draft, findings: Findings) => void

export function parseHaCf(source: SourceText, context: HaCfContext): ParsedHaCf {
  const findings = new Findings()
  const draft = emptyDraft()
  for (const line of linesOf(source, findings)) {
    const [first, ...rest] = wordsOf(withoutComment(line))
    if (first === undefined) continue
    if (findings.isFull && findings.errors > 0) break
    const errorsBefore = findings.errors
    readDirective(first, rest, draft, findings)
    if (findings.errors > errorsBefore) draft.broken.add(nearestName(first.text, directiveNames) ?? first.text).add(first.text)
  }
  const cf = checkWhole(source, draft, context, findings)
  const nodes = draft.broken.has('node') ? [] : draft.nodes.map(node => node.value)
  return { cf: findings.errors === 0 ? cf : null, nodes, diagnostics: findings.inOrder() }
}

function readDirective(first: Word, rest: readonly Word[], draft: Draft, findings: Findings): void {
  const [name = first, ...attached] = valuesOf(first) // `node,ha1` is legal
  const directive = directives.get(name.text)
  if (directive === undefined) {
    const otherCase = directives.has(name.text.toLowerCase()) ? `write \`${name.text.toLowerCase()}\`: names are case-sensitive` : null
    findings.error(name.position, {
      what: `unknown directive ${shown(name.text)}`,
      why: 'what it should set would silently keep its default',
      fix: otherCase ?? `${didYouMean(name.text, directiveNames)}correct the name, or delete the line`
    })
    return
  }
  if (directive.status !== 'acted-on') {
    const value = rest[0]?.text.toLowerCase()
    if (value !== undefined && directive.harmless?.includes(value)) return
    const { replaced } = directive
    if (replaced !== undefined && rest.some(word => replaced.pattern.test(word.text))) {
      findings.info(name.position, replaced)
      return
    }
    findings[directive.severity](name.position, {
      what: directive.status === 'not-yet' ? `\`${name.text}\` is not acted on yet` : `\`${name.text}\` is obsolete`,
      why: directive.why,
      fix: directive.fix
    })
    return
  }
  if (!isActedOn(name.text)) return
  const values = directive.arguments === 'words' ? [...attached, ...rest] : [...attached, ...rest.flatMap(valuesOf)]
  if (values.length === 0) {
    findings.error(name.position, { what: `\`${name.text}\` has no value`, why: 'the line sets nothing', fix: `write \`${directive.syntax}\`` })
    return
  }
  if (directive.arguments === 'one-value' && !checkOneValue(name, values, directive.syntax, draft, findings)) return
  const last = values.at(-1)
  if (directive.isRecorded && last !== undefined) draft.recorded.set(name.text, last.text)
  handlers[name.text](values, name, draft, findings)
}

const valuesOf = (word: Word): readonly Word[] => piecesOf(word, ',').filter(piece => piece.text !== '')

/** Linux-HA applies several values in turn and keeps the last; where one is meant, the rest is a slip of the pen. */
function checkOneValue(name: Word, values: readonly Word[], syntax: string, draft: Draft, findings: Findings): boolean {
  const [value, extra] = values
  const previous = draft.seen.get(name.text)
  draft.seen.set(name.text, name.position)
  if (previous !== undefined) {
    findings.warning(name.position, {
      what: `\`${name.text}\` is set again (first on line ${previous.line})`,
      why: 'the last value counts',
      fix: 'delete one of the two lines'
    })
  }
  if (value === undefined || extra === undefined) return true
  const isDetachedUnit = /^[0-9.]+$/.test(value.text) && /^(ms|us|s|sec|seconds?)$/i.test(extra.text)
  findings.error(extra.position, {
    what: `\`${name.text}\` has a second value ${shown(extra.text)}`,
    why: isDetachedUnit ? 'a unit stands directly behind its number' : 'it takes one value',
    fix: !isDetachedUnit ? `write \`${syntax}\`` : /^s/i.test(extra.text) ? `write \`${name.text} ${value.text}\`: a number alone means seconds` : `write \`${name.text} ${value.text}${extra.text}\``
  })
  return false
}

/** Takes the value, or reports how it should have been written. */
function take<T>(word: Word, name: Word, parsed: Value<T>, findings: Findings): Setting<T> | null {
  if (parsed.ok) return { value: parsed.value, position: word.position }
  findings.error(word.position, { what: `\`${name.text}\` cannot be ${shown(word.text)}`, why: 'the value is not understood', fix: parsed.fix })
  return null
}

/** Stands in for a value that readDirective has proved to be there. */
const missing: Word = { text: '', position: startOf('') }

const time = (key: TimeName): Handler => ([word = missing], name, draft, findings) => {
  const setting = take(word, name, parseTime(word.text), findings)
  if (setting !== null) draft.times.set(key, setting)
}

const number = (key: NumberName, min: number, max: number): Handler => ([word = missing], name, draft, findings) => {
  const setting = take(word, name, parseNumber(word.text, min, max), findings)
  if (setting === null) return
  draft.numbers.set(key, setting)
  if (key === 'udpport' && draft.media.some(medium => medium.port === null)) {
    findings.warning(name.position, {
      what: '`udpport` stands behind a medium',
      why: 'here it counts for all media, but Linux-HA would use port 694 for the lines above',
      fix: 'move the line above the first bcast or ucast'
    })
  }
}

const path = (key: 'logfile' | 'debugfile' | 'watchdog'): Handler => ([word = missing], name, draft, findings) => {
  const isAbsolute = /^\/(?:.*[^/])$/.test(word.text)
  const setting = take(word, name, isAbsolute ? { ok: true, value: word.text } : { ok: false, fix: 'write the whole path of a file, beginning with `/`' }, findings)
  if (setting !== null) draft.texts.set(key, setting)
}

/** Syslog's names. */
const facilities = [
  'auth', 'authpriv', 'cron', 'daemon', 'ftp', 'kern', 'lpr', 'mail', 'news', 'syslog', 'user', 'uucp',
  'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7', 'none'
]

const handlers: Readonly<Record<ActedOnName, Handler>> = {
  node: onNode,
  keepalive: time('keepalive'),
  warntime: time('warntime'),
  deadtime: time('deadtime'),
  initdead: time('initdead'),
  udpport: number('udpport', 1, 65535),
  bcast: onBcast,
  udp: (values, name, draft, findings) => {
    findings.warning(name.position, { what: '`udp` is the old name of `bcast`', why: 'it is read as `bcast`', fix: 'write `bcast`' })
    onBcast(values, name, draft, findings)
  },
  ucast: onUcast,
  mcast: onMcast,
  ping: onPing,
  ping6: onPing,
  ping_group: onPingGroup,
  deadping: time('deadping'),
  arbiter: onArbiter,
  auto_failback: onAutoFailback,
  nice_failback: (_values, name, draft, findings) => {
    draft.niceFailback = name.position
    findings.warning(name.position, {
      what: '`nice_failback` is obsolete',
      why: 'Linux-HA 3 reads it as `auto_failback legacy` whether on or off, and so do we unless `auto_failback` is set',
      fix: 'write `auto_failback off` (the old `nice_failback on`) or `auto_failback on`'
    })
  },
  logfile: path('logfile'),
  debugfile: path('debugfile'),
  watchdog: path('watchdog'),
  logfacility: ([word = missing], name, draft, findings) => {
    const facility = word.text.toLowerCase()
    const parsed: Value<string> = facilities.includes(facility)
      ? { ok: true, value: facility }
      : { ok: false, fix: `${didYouMean(facility, facilities)}write a syslog facility such as \`local0\` or \`daemon\`, or \`none\`` }
    const setting = take(word, name, parsed, findings)
    if (setting !== null) draft.texts.set('logfacility', setting)
  },
  debug: number('debug', 0, 255),
  realtime: ([word = missing], name, draft, findings) => {
    draft.realtime = take(word, name, parseBoolean(word.text), findings) ?? draft.realtime
  },
  rtprio: number('rtprio', 1, 99),
  hopfudge: number('hopfudge', 0, 255),
  env: onEnv,
  start_timeout: time('start_timeout'),
  stop_timeout: time('stop_timeout'),
  status_timeout: time('status_timeout'),
  stop_retries: number('stop_retries', 0, bounds.stopRetriesMax),
  stop_retry_delay: time('stop_retry_delay'),
  stonith: onStonith,
  stonith_host: onStonithHost,
  fence_timeout: time('fence_timeout'),
  fence_retries: number('fence_retries', 0, bounds.fenceRetriesMax),
  fence_delay: time('fence_delay'),
  fence_action: onFenceAction,
  fence_test: onFenceTest,
  lease: onLease
}

/** As Linux's host names: what `uname -n` can answer and a datagram can carry without quoting. */
const nodeNamePattern = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/

function onNode(values: readonly Word[], _name: Word, draft: Draft, findings: Findings): void {
  for (const word of values) {
    const name = word.text.toLowerCase()
    const previous = draft.nodes.find(node => node.value === name)
    if (previous !== undefined) {
      findings.error(word.position, {
        what: `node ${shown(name)} is listed again (first on line ${previous.position.line})`,
        why: 'the other node is missing then',
        fix: 'list each node once; upper and lower case are the same'
      })
    } else if (!nodeNamePattern.test(name) || name.length > bounds.nodeNameMax) {
      findings.error(word.position, {
        what: `${shown(word.text)} cannot be a node name`,
        why: `a node name is what \`uname -n\` prints: letters, digits, dots and dashes, at most ${bounds.nodeNameMax}`,
        fix: 'write the output of `uname -n`'
      })
    } else {
      draft.nodes.push({ value: name, position: word.position })
    }
  }
}

function onAutoFailback([word = missing]: readonly Word[], name: Word, draft: Draft, findings: Findings): void {
  if (word.text.toLowerCase() === 'legacy') {
    draft.autoFailback = { value: 'legacy', position: word.position }
    return
  }
  const parsed = parseBoolean(word.text)
  const setting = take(word, name, parsed.ok ? parsed : { ok: false, fix: 'write `on`, `off` or `legacy`' }, findings)
  if (setting !== null) draft.autoFailback = { value: setting.value ? 'on' : 'off', position: setting.position }
}

function onEnv(values: readonly Word[], _name: Word, draft: Draft, findings: Findings): void {
  for (const word of values) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(word.text)
    if (match === null) {
      findings.error(word.position, {
        what: `\`env\` cannot be ${shown(word.text)}`,
        why: 'it exports variables to the resource scripts as HA_NAME',
        fix: 'write `env NAME=VALUE`, without blanks'
      })
    } else {
      draft.recorded.set(match[1] ?? '', match[2] ?? '')
    }
  }
}
