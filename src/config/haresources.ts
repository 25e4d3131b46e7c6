/**
 * Reads haresources: logical lines `node resource resource ...`, each a resource group.
 *
 * Comments go first, from `#` to the end of the line; then a `\` at the end joins the next line. Positions survive the
 * joining, since words are cut from physical lines.
 *
 * What Linux-HA does by accident is not copied: its keys are regular expressions that match in other lines, here a key
 * is compared as a whole; it checks nothing but the node name, here every word is checked.
 *
 * Not here: the words themselves (resource-words.ts), faults between files (configuration.ts).
 * Source: Linux-HA 3.0.6, ResourceManager and its haresources documentation.
 */

import { canonical } from './address.js'
import { bounds } from './defaults.js'
import { Findings } from './diagnostics.js'
import { linesOf, shown, withoutComment, wordsOf, type SourceText, type Word } from './lexer.js'
import { didYouMean } from './nearest.js'
import { floatingAddress, readResource } from './resource-words.js'
import type { Diagnostic, Position, ResourceGroup, ResourceSpec } from './types.js'

export interface HaresourcesContext {
  /** The nodes of ha.cf in lower case; empty when that file names none, and then names are not checked. */
  readonly nodes: readonly string[]
}

export interface ParsedHaresources {
  /** null exactly when a finding is an error. */
  readonly groups: readonly ResourceGroup[] | null
  readonly diagnostics: readonly Diagnostic[]
}

/** Scripts that hold nothing: the same one in several groups is normal. */
const sharable: readonly string[] = ['MailTo', 'Delay', 'AudibleAlarm', 'WinPopup', 'SendArp']

export function parseHaresources(source: SourceText, context: HaresourcesContext): ParsedHaresources {
  const findings = new Findings()
  const groups: ResourceGroup[] = []
  for (const words of logicalLines(source, findings)) {
    if (findings.isFull && findings.errors > 0) break
    const group = readGroup(words, context, findings)
    if (group !== null) groups.push(group)
  }
  checkKeys(groups, findings)
  checkSharing(groups, findings)
  const excess = groups[bounds.groupsMax]
  if (excess !== undefined) {
    findings.error(excess.position, { what: `more than ${bounds.groupsMax} groups`, why: 'their states would not fit one datagram', fix: 'put resources that belong together on one line' })
  }
  return { groups: findings.errors === 0 ? groups : null, diagnostics: findings.inOrder() }
}

function logicalLines(source: SourceText, findings: Findings): readonly (readonly Word[])[] {
  const lines: (readonly Word[])[] = []
  let joined: readonly Word[] = []
  let open: Position | null = null
  for (const raw of linesOf(source, findings)) {
    const line = withoutComment(raw)
    const text = line.text.trimEnd()
    const goesOn = text.endsWith('\\')
    joined = [...joined, ...wordsOf({ ...line, text: goesOn ? text.slice(0, -1) : text })]
    if (goesOn) {
      open = { file: line.file, line: line.number, column: text.length }
      if (text.length < raw.text.length) {
        findings.warning(open, {
          what: 'something follows the `\\`',
          why: 'the next line is joined here, but Linux-HA joins only when `\\` is the very last character',
          fix: 'delete the blanks or the comment behind it'
        })
      }
      continue
    }
    open = null
    if (joined.length > 0) lines.push(joined)
    joined = []
  }
  if (open !== null) {
    findings.warning(open, { what: 'the file ends with a `\\`', why: 'no line follows that could be joined', fix: 'delete the `\\`' })
    if (joined.length > 0) lines.push(joined)
  }
  return lines
}

function readGroup(words: readonly Word[], context: HaresourcesContext, findings: Findings): ResourceGroup | null {
  const [nodeWord, ...rest] = words
  if (nodeWord === undefined) return null
  const home = nodeWord.text.toLowerCase()
  checkHome(nodeWord, home, context, findings)
  const resources: ResourceSpec[] = []
  for (const word of rest) {
    if (findings.isFull && findings.errors > 0) break
    const resource = readResource(word, findings)
    if (resource !== null) resources.push(resource)
  }
  const [firstWord] = rest
  if (firstWord === undefined) {
    findings.error(nodeWord.position, {
      what: `no resources follow ${shown(nodeWord.text)}`,
      why: 'an empty group has nothing to move',
      fix: 'write the resources behind the node, or delete the line'
    })
    return null
  }
  const excess = rest[bounds.resourcesPerGroupMax]
  if (excess !== undefined) {
    findings.error(excess.position, { what: `more than ${bounds.resourcesPerGroupMax} resources in a group`, why: 'this is a fault rather than a group', fix: 'split the line' })
  }
  return { key: firstWord.text, home, resources, position: nodeWord.position }
}

function checkHome(word: Word, home: string, context: HaresourcesContext, findings: Findings): void {
  if (context.nodes.length === 0 || context.nodes.includes(home)) return
  const isResource = home.includes('::') || /^[0-9.]+(\/|$)/.test(home)
  const shortNames = context.nodes.filter(node => node.split('.')[0] === home.split('.')[0])
  findings.error(word.position, {
    what: `unknown node ${shown(word.text)}`,
    why: 'a line begins with the node that its resources prefer, and ha.cf does not list this one',
    fix: isResource || word.position.column > 1
      ? `${isResource ? '' : didYouMean(home, context.nodes)}begin the line with ${context.nodes.join(' or ')}, or end the line before with \`\\\` if this one continues it`
      : shortNames[0] !== undefined ? `write \`${shortNames[0]}\`, the name as in ha.cf` : `${didYouMean(home, context.nodes)}write ${context.nodes.join(' or ')}`
  })
}

function checkKeys(groups: readonly ResourceGroup[], findings: Findings): void {
  const byKey = new Map<string, ResourceGroup>()
  for (const group of groups) {
    const previous = byKey.get(group.key)
    if (previous === undefined) {
      byKey.set(group.key, group)
      continue
    }
    findings.error(group.resources[0]?.position ?? group.position, {
      what: `a group that begins with ${shown(group.key)} exists already (line ${previous.position.line})`,
      why: 'the first resource names the group, so each must begin differently',
      fix: 'join the two lines, or put another resource first'
    })
  }
}

/** One thing in two places: an address or a disk on two nodes is what this daemon exists to prevent. */
function checkSharing(groups: readonly ResourceGroup[], findings: Findings): void {
  const owners = new Map<string, { readonly group: ResourceGroup; readonly resource: ResourceSpec }>()
  for (const group of groups) {
    for (const resource of group.resources) {
      for (const claim of claimsOf(resource)) {
        const previous = owners.get(claim.thing)
        if (previous === undefined) {
          owners.set(claim.thing, { group, resource })
          continue
        }
        const isSameGroup = previous.group === group
        if (isSameGroup && !claim.isExclusive) continue
        if (!isSameGroup && previous.group.key === group.key && previous.resource.word === group.key) continue // said by checkKeys
        findings[claim.isExclusive ? 'error' : 'warning'](resource.position, {
          what: `${claim.shown} stands twice (first on line ${previous.resource.position.line})`,
          why: isSameGroup ? 'a group starts each resource once' : claim.why,
          fix: isSameGroup ? 'delete one of the two words' : 'put it into one group, together with all that needs it'
        })
      }
    }
  }
}

interface Claim {
  readonly thing: string
  readonly shown: string
  readonly why: string
  /** Two groups with it would destroy something; otherwise they may only get in each other's way. */
  readonly isExclusive: boolean
}

function claimsOf(resource: ResourceSpec): readonly Claim[] {
  const floating = floatingAddress(resource)
  if (floating !== null) {
    return [{ thing: `address ${canonical(floating.address)}`, shown: `address ${floating.text}`, why: 'the groups can run on different nodes, and both would then have the address', isExclusive: true }]
  }
  if (sharable.includes(resource.type)) return []
  const [device, directory] = resource.args
  if (resource.type === 'Filesystem' && device !== undefined && directory !== undefined) {
    const why = 'the groups can run on different nodes, and a disk mounted on both is destroyed'
    const mountPoint = directory.replace(/\/+$/, '')
    // A network file system may be mounted anywhere any number of times, and `tmpfs` is a new one each time.
    const isDisk = device.startsWith('/dev/') || /^(-[UL]|UUID=|LABEL=)/.test(device)
    return [
      ...(isDisk ? [{ thing: `device ${device}`, shown: `device ${shown(device)}`, why, isExclusive: true }] : []),
      { thing: `directory ${mountPoint}`, shown: `mount point ${shown(directory)}`, why: 'where both groups run, one hides the files of the other', isExclusive: true }
    ]
  }
  return [{
    thing: `word ${resource.word}`,
    shown: shown(resource.word),
    why: 'when both groups run on one node, stopping one group stops what the other still needs',
    isExclusive: false
  }]
}
