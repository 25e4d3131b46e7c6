/**
 * What two nodes should have alike, and the sentences in which its differences are told: one for each differing line,
 * key or script, naming both nodes.
 *
 * The digests in every heartbeat (wire/ownership.ts, Agreement) only say that something differs. Then each node asks the
 * other for its details (exchange.ts) and finds the differences itself, so that both logs name the same lines.
 *
 * Not here: whether a group may move (cluster/decide-group.ts compares the groups' own digests), files on disk (sync/).
 */

import type { NoteLevel } from '../base/note.js'
import type { Agreement } from '../wire/ownership.js'

export interface Difference {
  readonly topic: 'version' | 'haresources' | 'authkeys' | 'scripts'
  /** error: a group does not move; warn: it moves, and may behave differently; info: good to know. */
  readonly level: NoteLevel
  readonly text: string
}

/** One logical line of haresources as it is in use: white space and comments do not count. */
export interface HaresourcesLine {
  /** Of its first physical line. */
  readonly line: number
  /** The group's key, by which lines of two nodes belong together. */
  readonly key: string
  readonly text: string
}

export interface KeyView {
  readonly id: number
  readonly method: string
  /** Equal on two nodes when their secrets are (digests.ts, keyChecks). */
  readonly check: string
}

export interface ScriptView {
  /** As haresources names it. */
  readonly name: string
  /** How it is called: r1, lsb; `missing` when no folder has it. */
  readonly style: string
  /** Hex digits of its content's digest. */
  readonly digest: string
}

/** Everything that the digests stand for. */
export interface Details {
  readonly haresources: readonly HaresourcesLine[]
  readonly signsWith: number
  readonly keys: readonly KeyView[]
  readonly scripts: readonly ScriptView[]
}

/** More are counted, not named: a wrong file of a thousand lines must not fill the log. */
const namedMax = 40
const lineShownMax = 300

/** @param names  how the two nodes are called, `mine` where `own` comes from */
export function differencesBetween(own: Details, theirs: Details, names: { readonly mine: string; readonly theirs: string }): readonly Difference[] {
  return [...cut(lineDifferences(own, theirs, names)), ...cut(keyDifferences(own, theirs, names)), ...cut(scriptDifferences(own, theirs, names))]
}

type Names = Parameters<typeof differencesBetween>[2]

function lineDifferences(own: Details, theirs: Details, names: Names): readonly Difference[] {
  const found = (text: string): Difference => ({ topic: 'haresources', level: 'error', text: `haresources differs: ${text}` })
  const others = new Map(theirs.haresources.map(line => [line.key, line]))
  const known = new Set(own.haresources.map(line => line.key))
  const differing = own.haresources.flatMap(mine => {
    const other = others.get(mine.key)
    if (other?.text === mine.text) return []
    if (other === undefined) return [found(`${names.mine} line ${mine.line} ${quoted(mine.text)} is missing on ${names.theirs}`)]
    return [found(`${names.mine} line ${mine.line} ${quoted(mine.text)}, ${names.theirs} line ${other.line} ${quoted(other.text)}`)]
  })
  const missing = theirs.haresources.filter(line => !known.has(line.key))
  return [...differing, ...missing.map(line => found(`${names.theirs} line ${line.line} ${quoted(line.text)} is missing on ${names.mine}`))]
}

function keyDifferences(own: Details, theirs: Details, names: Names): readonly Difference[] {
  const found = (text: string): Difference => ({ topic: 'authkeys', level: 'warn', text: `authkeys differs: ${text}` })
  const others = new Map(theirs.keys.map(key => [key.id, key]))
  const known = new Set(own.keys.map(key => key.id))
  const sentences = own.keys.flatMap(mine => {
    const other = others.get(mine.id)
    if (other === undefined) return [found(`key ${mine.id} (${mine.method}) is on ${names.mine} only`)]
    if (other.method !== mine.method) return [found(`key ${mine.id} is ${mine.method} on ${names.mine} and ${other.method} on ${names.theirs}`)]
    return other.check === mine.check ? [] : [found(`key ${mine.id} (${mine.method}) is not the same key on ${names.mine} and ${names.theirs}`)]
  })
  const missing = theirs.keys.filter(key => !known.has(key.id)).map(key => found(`key ${key.id} (${shownWord(key.method)}) is on ${names.theirs} only`))
  const signing = own.signsWith === theirs.signsWith ? [] : [found(`${names.mine} signs with key ${own.signsWith}, ${names.theirs} with key ${theirs.signsWith}`)]
  return [...sentences, ...missing, ...signing]
}

function scriptDifferences(own: Details, theirs: Details, names: Names): readonly Difference[] {
  const found = (text: string): Difference => ({ topic: 'scripts', level: 'warn', text: `scripts differ: ${text}` })
  const others = new Map(theirs.scripts.map(script => [script.name, script]))
  // A script that only one haresources names is told with its line.
  return own.scripts.flatMap(mine => {
    const other = others.get(mine.name)
    if (other === undefined || (other.style === mine.style && other.digest === mine.digest)) return []
    return [found(`${mine.name} is ${scriptText(mine)} on ${names.mine} and ${scriptText(other)} on ${names.theirs}`)]
  })
}

const scriptText = (script: ScriptView): string =>
  script.style === 'missing' ? 'missing' : `${shownWord(script.digest)}${script.style === 'lsb' ? ' (init script)' : ''}`

function cut(found: readonly Difference[]): readonly Difference[] {
  const [first] = found
  if (first === undefined || found.length <= namedMax) return found
  return [...found.slice(0, namedMax), { ...first, text: `${first.topic}: ${found.length - namedMax} more differences are not shown; heartbeat sync --dry-run shows the files` }]
}

/** What came over the network is shown safe for a terminal, and not longer than a person reads. */
function quoted(text: string): string {
  const clean = shownWord(text)
  return `\`${clean.length > lineShownMax ? `${clean.slice(0, lineShownMax)}...` : clean}\``
}

const shownWord = (text: string): string => text.replace(/[\u0000-\u001F\u007F-\u009F]/g, '?')

/** Whether the digests themselves call for a look at the details; versions are told as they are. */
export function isDetailed(one: Agreement, other: Agreement): boolean {
  return one.haresources !== other.haresources || one.authkeys !== other.authkeys || one.scripts !== other.scripts
}

export const isSameAgreement = (one: Agreement | null, other: Agreement | null): boolean =>
  one === other || (one !== null && other !== null && one.version === other.version && !isDetailed(one, other))

/** What can be said before, or without, the details. */
export function differencesOfDigests(own: Agreement, theirs: Agreement, peerName: string, trouble: string | null): readonly Difference[] {
  const why = trouble === null ? '' : `; ${trouble}`
  const version: readonly Difference[] =
    own.version === theirs.version ? [] : [{ topic: 'version', level: 'info', text: `${peerName} runs version ${theirs.version}, this node ${own.version}` }]
  const of = (topic: 'haresources' | 'authkeys' | 'scripts', what: string): readonly Difference[] =>
    trouble === null || own[topic] === theirs[topic] ? [] : [{ topic, level: topic === 'haresources' ? 'error' : 'warn', text: `${what} on ${peerName}${why}` }]
  return [...version, ...of('haresources', 'haresources differs'), ...of('authkeys', 'authkeys differs'), ...of('scripts', 'scripts differ')]
}
