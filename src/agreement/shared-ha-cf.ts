/**
 * Which lines of ha.cf two nodes share, and how the other node's shared lines are put into one's own file.
 *
 * The rule: a line stays with its node when it names the node's own interfaces or the addresses reached over them
 * (`bcast`, `ucast`, `mcast`, `serial`, `baud`), or may hold the password of a fencing device (`stonith`,
 * `stonith_host`). Everything else is shared, comments and order included. Lines that stay are never sent.
 */

import { lineChanges, textLines } from './unified.js'

const ownDirectives: ReadonlySet<string> = new Set(['bcast', 'ucast', 'mcast', 'serial', 'baud', 'stonith', 'stonith_host'])

export const isOwnLine = (line: string): boolean => ownDirectives.has(/^\s*([^\s#]+)/.exec(line)?.[1]?.toLowerCase() ?? '')

/** ha.cf as it may be sent. */
export const sharedText = (text: string): string => joined(textLines(text).filter(line => !isOwnLine(line)))

/** Our ha.cf with the other node's shared lines; our own lines stay where they stood among the shared ones. */
export function withShared(own: string, theirsShared: string): string {
  const lines = textLines(own)
  const theirs = textLines(theirsShared).filter(line => !isOwnLine(line))
  const changes = lineChanges(lines.filter(line => !isOwnLine(line)), theirs)
  if (changes.every(change => change.kind === 'same')) return own
  const merged: string[] = []
  let at = 0
  const keepOwn = (): void => {
    for (let line = lines[at]; line !== undefined && isOwnLine(line); line = lines[at]) {
      merged.push(line)
      at += 1
    }
  }
  for (const change of changes) {
    if (change.kind === 'added') {
      merged.push(change.text)
      continue
    }
    keepOwn()
    at += 1
    if (change.kind === 'same') merged.push(change.text)
  }
  keepOwn()
  return joined(merged)
}

const joined = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('')
