/**
 * The faults that an operator can ask about, as he writes them: `ha1 dies`, `link eth1 cut after 3s, ha2 hangs 2s`.
 * One table is the grammar and the help. Pure.
 */

/** What a fault does. Nodes, links and groups are indices; node null: both. */
export type FaultAct =
  | { readonly kind: 'dies' | 'daemon-dies' | 'starts' | 'stops' | 'standby' | 'takeover'; readonly node: number }
  | { readonly kind: 'hangs'; readonly node: number; readonly forMs: number }
  /** `link` null: all; `from` null: both directions. */
  | { readonly kind: 'link'; readonly link: number | null; readonly isCut: boolean; readonly from: number | null }
  | { readonly kind: 'disk'; readonly node: number | null; readonly tookMs: number | null; readonly isLost: boolean }
  | { readonly kind: 'arbiter' | 'ping' | 'carrier'; readonly node: number | null; readonly isLost: boolean }
  | { readonly kind: 'fencing'; readonly fails: boolean }
  | { readonly kind: 'script'; readonly operation: 'start' | 'stop'; readonly group: number; readonly node: number }

export interface Fault {
  readonly afterMs: number
  readonly text: string
  readonly act: FaultAct
}

/** The names a fault may use. */
export interface Names {
  readonly nodes: readonly string[]
  /** Heartbeat links, without the disk. */
  readonly links: readonly string[]
  readonly groups: readonly string[]
}

export type ParsedFaults = { readonly ok: true; readonly faults: readonly Fault[] } | { readonly ok: false; readonly message: string }

interface Form {
  /** Words in capitals stand for names and times. */
  readonly form: string
  readonly meaning: string
  act(given: Given): FaultAct
}

/** What stood in the place of the words in capitals. */
interface Given {
  readonly node: number
  readonly link: number
  readonly group: number
  readonly timeMs: number
}

const forms: readonly Form[] = [
  { form: 'NODE dies', meaning: 'loses power', act: ({ node }) => ({ kind: 'dies', node }) },
  { form: 'NODE hangs TIME', meaning: 'its daemon stands still for so long; its services go on', act: ({ node, timeMs }) => ({ kind: 'hangs', node, forMs: timeMs }) },
  { form: 'NODE daemon dies', meaning: 'its daemon and its guard are killed; its resources stay', act: ({ node }) => ({ kind: 'daemon-dies', node }) },
  { form: 'NODE stops', meaning: 'heartbeat stop', act: ({ node }) => ({ kind: 'stops', node }) },
  { form: 'NODE starts', meaning: 'is switched on again and heartbeat is started', act: ({ node }) => ({ kind: 'starts', node }) },
  { form: 'NODE standby', meaning: 'heartbeat standby', act: ({ node }) => ({ kind: 'standby', node }) },
  { form: 'NODE takeover', meaning: 'heartbeat takeover', act: ({ node }) => ({ kind: 'takeover', node }) },
  { form: 'link LINK cut', meaning: 'carries nothing in either direction', act: ({ link }) => ({ kind: 'link', link, isCut: true, from: null }) },
  { form: 'link LINK cut from NODE', meaning: 'loses what that node sends', act: ({ link, node }) => ({ kind: 'link', link, isCut: true, from: node }) },
  { form: 'link LINK healed', meaning: 'carries again', act: ({ link }) => ({ kind: 'link', link, isCut: false, from: null }) },
  { form: 'all links cut', meaning: 'the nodes hear each other on no network link', act: () => ({ kind: 'link', link: null, isCut: true, from: null }) },
  { form: 'all links cut from NODE', meaning: 'the other node is deaf', act: ({ node }) => ({ kind: 'link', link: null, isCut: true, from: node }) },
  { form: 'all links healed', meaning: 'they carry again', act: () => ({ kind: 'link', link: null, isCut: false, from: null }) },
  { form: 'disk slow TIME', meaning: 'each access to the lease area takes so long', act: ({ timeMs }) => ({ kind: 'disk', node: null, tookMs: timeMs, isLost: false }) },
  { form: 'disk lost', meaning: 'neither node reaches the lease area', act: () => ({ kind: 'disk', node: null, tookMs: null, isLost: true }) },
  { form: 'disk back', meaning: 'it is reached again, at its usual speed', act: () => ({ kind: 'disk', node: null, tookMs: null, isLost: false }) },
  { form: 'NODE loses disk', meaning: 'that node does not reach the lease area', act: ({ node }) => ({ kind: 'disk', node, tookMs: null, isLost: true }) },
  { form: 'arbiter gone', meaning: 'no node reaches it', act: () => ({ kind: 'arbiter', node: null, isLost: true }) },
  { form: 'arbiter back', meaning: 'it answers again', act: () => ({ kind: 'arbiter', node: null, isLost: false }) },
  { form: 'NODE loses arbiter', meaning: 'that node does not reach it', act: ({ node }) => ({ kind: 'arbiter', node, isLost: true }) },
  { form: 'ping gone', meaning: 'no ping node answers anybody', act: () => ({ kind: 'ping', node: null, isLost: true }) },
  { form: 'ping back', meaning: 'they answer again', act: () => ({ kind: 'ping', node: null, isLost: false }) },
  { form: 'NODE loses ping', meaning: 'no ping node answers that node', act: ({ node }) => ({ kind: 'ping', node, isLost: true }) },
  { form: 'NODE loses carrier', meaning: 'its service interface has no carrier', act: ({ node }) => ({ kind: 'carrier', node, isLost: true }) },
  { form: 'NODE carrier back', meaning: 'it has again', act: ({ node }) => ({ kind: 'carrier', node, isLost: false }) },
  { form: 'fencing fails', meaning: 'the devices do not do what they are told', act: () => ({ kind: 'fencing', fails: true }) },
  { form: 'start of GROUP fails on NODE', meaning: 'its first resource does not start there', act: ({ group, node }) => ({ kind: 'script', operation: 'start', group, node }) },
  { form: 'stop of GROUP fails on NODE', meaning: 'its last resource does not stop there', act: ({ group, node }) => ({ kind: 'script', operation: 'stop', group, node }) }
]

/** Every form with its meaning, for the help. */
export const faultHelp = (): string => forms.map(one => `  ${one.form.padEnd(30)} ${one.meaning}`).join('\n')

const faultsMax = 32
const timeMsMax = 3_600_000

export function parseFaults(text: string, names: Names): ParsedFaults {
  const parts = text.split(',').map(part => part.trim().replace(/\s+/g, ' '))
  if (parts.length > faultsMax) return refuse(`at most ${faultsMax} faults`)
  const faults: Fault[] = []
  for (const part of parts) {
    const parsed = parseFault(part, names)
    if (typeof parsed === 'string') return refuse(parsed)
    faults.push(parsed)
  }
  return { ok: true, faults }
}

const refuse = (message: string): ParsedFaults => ({ ok: false, message })

function parseFault(text: string, names: Names): Fault | string {
  if (text === '') return 'a fault is missing: give at least one, separated by commas'
  const found = /^(.*?)(?: after (\S+))?$/.exec(text)
  const words = (found?.[1] ?? '').split(' ')
  const afterMs = found?.[2] === undefined ? 0 : timeMs(found[2])
  if (afterMs === null) return `'${text}': after ${found?.[2] ?? ''} is no time; write 500ms, 3s or 1m`
  let nearest: string | null = null
  for (const one of forms) {
    const given = match(one.form.split(' '), words, names)
    if (given === null) continue
    if (typeof given !== 'string') return { afterMs, text: words.join(' '), act: one.act(given) }
    nearest ??= given
  }
  return nearest === null ? `'${text}' is no fault that is known here; 'heartbeat simulate --help' lists them all` : `'${text}': ${nearest}`
}

/** null: another form; a sentence: this form, but a name or time in it is wrong. */
function match(form: readonly string[], words: readonly string[], names: Names): Given | string | null {
  if (form.length !== words.length) return null
  // The fixed words decide which form is meant; only then are the names looked at.
  if (!form.every((word, at) => word === word.toUpperCase() || word === words[at])) return null
  let given: Given = { node: -1, link: -1, group: -1, timeMs: 0 }
  for (const [at, word] of form.entries()) {
    const said = words[at] ?? ''
    if (word === 'NODE') {
      const node = names.nodes.indexOf(said.toLowerCase())
      if (node === -1) return `no node ${said}; the nodes are ${names.nodes.join(' and ')}`
      given = { ...given, node }
    } else if (word === 'LINK') {
      const link = names.links.indexOf(said)
      if (link === -1) return `no link ${said}; the links are ${names.links.join(', ')}`
      given = { ...given, link }
    } else if (word === 'GROUP') {
      const group = names.groups.indexOf(said)
      if (group === -1) return `no group ${said}; the groups are ${names.groups.join(', ')}`
      given = { ...given, group }
    } else if (word === 'TIME') {
      const ms = timeMs(said)
      if (ms === null) return `${said} is no time; write 500ms, 3s or 1m, at most an hour`
      given = { ...given, timeMs: ms }
    }
  }
  return given
}

/** `500ms`, `3s`, `1.5m`; a bare number means seconds, as in ha.cf. null for anything else. */
export function timeMs(text: string): number | null {
  const found = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(text)
  if (found === null) return null
  const value = Number(found[1]) * { ms: 1, s: 1_000, m: 60_000 }[(found[2] ?? 's') as 'ms' | 's' | 'm']
  return value > timeMsMax ? null : value
}
