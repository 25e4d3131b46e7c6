/**
 * Makes one frozen, checked configuration of the three files, or says everything that is wrong with all of them.
 *
 * Each file is parsed whether or not another has faults; then come the rules between files. Also here: how a finding is
 * printed, and the short digests by which two nodes compare their groups without sending them.
 *
 * Not here: reading files (daemon/load-configuration.ts), what only this host can tell (cli/check.ts).
 */

import { createHash } from 'node:crypto'
import { canonical, parseIpv4 } from './address.js'
import { parseAuthkeys, type KeySource } from './authkeys.js'
import { Findings, type Finding } from './diagnostics.js'
import { deepFreeze } from './frozen.js'
import { parseHaCf } from './ha-cf.js'
import { parseHaresources } from './haresources.js'
import { shown, startOf, type SourceText } from './lexer.js'
import { floatingAddress } from './resource-words.js'
import type { Configuration, Diagnostic, HaCf, ResourceGroup } from './types.js'

/** A file that could not be read: its finding stands for its content. */
export interface UnreadableSource {
  readonly file: string
  readonly unreadable: Finding
}

export interface ConfigurationSources {
  readonly haCf: SourceText | UnreadableSource
  readonly haresources: SourceText | UnreadableSource
  readonly authkeys: KeySource | UnreadableSource
}

export interface ConfigurationContext {
  /** This node's name: `uname -n`, or the first line of the file `nodeinfo`. */
  readonly nodeName: string
  /** The user that runs us. */
  readonly uid: number
}

export type ConfigurationResult =
  | { readonly ok: true; readonly configuration: Configuration; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

export function parseConfiguration(sources: ConfigurationSources, context: ConfigurationContext): ConfigurationResult {
  const { cf, nodes, diagnostics: cfDiagnostics } = isUnreadable(sources.haCf)
    ? { cf: null, nodes: [], diagnostics: unreadable(sources.haCf) }
    : parseHaCf(sources.haCf, context)
  const { groups, diagnostics: groupDiagnostics } = isUnreadable(sources.haresources)
    ? { groups: null, diagnostics: unreadable(sources.haresources) }
    : parseHaresources(sources.haresources, { nodes })
  const { keys, diagnostics: keyDiagnostics } = isUnreadable(sources.authkeys)
    ? { keys: null, diagnostics: unreadable(sources.authkeys) }
    : parseAuthkeys(sources.authkeys, context)
  const between = cf === null || groups === null ? [] : rulesBetweenFiles(cf, groups, sources)
  const diagnostics = [...cfDiagnostics, ...groupDiagnostics, ...keyDiagnostics, ...between]
  if (cf === null || groups === null || keys === null || diagnostics.some(isError)) return deepFreeze({ ok: false, diagnostics })
  return deepFreeze({ ok: true, configuration: { cf, keys, groups }, diagnostics })
}

const isUnreadable = (source: object): source is UnreadableSource => 'unreadable' in source

const unreadable = (source: UnreadableSource): readonly Diagnostic[] => [
  { severity: 'error', position: startOf(source.file), ...source.unreadable }
]

export const isError = (diagnostic: Diagnostic): boolean => diagnostic.severity === 'error'

function rulesBetweenFiles(cf: HaCf, groups: readonly ResourceGroup[], sources: ConfigurationSources): readonly Diagnostic[] {
  const findings = new Findings()
  if (groups.length === 0) {
    findings.info(startOf(sources.haresources.file), {
      what: 'no resource groups',
      why: 'the nodes watch each other, and nothing moves',
      fix: `write a line such as \`${cf.nodes[0] ?? 'ha1'} 10.0.0.5/24/eth0\` when ready`
    })
  }
  const peers = new Map<string, number>()
  for (const medium of cf.media) {
    const address = medium.kind === 'ucast' ? parseIpv4(medium.address) : null
    if (address !== null) peers.set(canonical(address), medium.position.line)
  }
  const ids = new Map<string, ResourceGroup>()
  for (const group of groups) {
    for (const resource of group.resources) {
      const floating = floatingAddress(resource)
      const line = floating === null ? undefined : peers.get(canonical(floating.address))
      if (floating === null || line === undefined) continue
      findings.error(resource.position, {
        what: `${floating.text} is also the address of a heartbeat link (ha.cf line ${line})`,
        why: 'the link would move with the resource, and each node would hear itself',
        fix: 'use a second address for the resource; the link needs the fixed address of a node'
      })
    }
    const twin = ids.get(keyId(group))
    if (twin !== undefined && twin.key !== group.key) {
      findings.error(group.position, {
        what: `the names ${shown(group.key)} and ${shown(twin.key)} have the same short form`,
        why: 'the nodes could not tell the groups apart; this happens once in millions of files',
        fix: 'put another resource first in one of the two lines'
      })
    }
    ids.set(keyId(group), group)
  }
  return findings.inOrder()
}

/** `/etc/ha.d/ha.cf:14:10: error: what; why; fix` on one line, safe to show on a terminal whatever the file contains. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { position, severity, what, why, fix } = diagnostic
  return `${position.file}:${position.line}:${position.column}: ${severity}: ${what}; ${why}; ${fix}`.replace(/[\u0000-\u001F\u007F-\u009F]/g, '?')
}

/**
 * Eight hex digits that two nodes compare to know whether they mean the same group: home and words count, white space,
 * comments and the way of breaking lines do not.
 */
export function groupDigest(group: ResourceGroup): string {
  return digest(JSON.stringify([group.home, ...group.resources.map(resource => resource.word)]))
}

/** Eight hex digits that stand for the group's key in datagrams. */
export function keyId(group: Pick<ResourceGroup, 'key'>): string {
  return digest(group.key)
}

const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 8)
