/**
 * What changes between two texts, line by line, and how operators are used to reading it: a unified diff.
 *
 * The longest common part is found exactly for texts of ordinary size; for two long texts that share little, the middle
 * is shown as replaced, which is true, if not short.
 */

export interface LineChange {
  readonly kind: 'same' | 'removed' | 'added'
  readonly text: string
}

/** Cells of the table of common parts: 4 MB, a few milliseconds. */
const cellsMax = 1_000_000
const contextLines = 3

/** From `before` to `after`; removed lines stand before added ones. */
export function lineChanges(before: readonly string[], after: readonly string[]): readonly LineChange[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1
  let tail = 0
  while (tail < before.length - head && tail < after.length - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1
  const same = (text: string): LineChange => ({ kind: 'same', text })
  return [
    ...before.slice(0, head).map(same),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same)
  ]
}

function middle(before: readonly string[], after: readonly string[]): readonly LineChange[] {
  const removed = (text: string): LineChange => ({ kind: 'removed', text })
  const added = (text: string): LineChange => ({ kind: 'added', text })
  const width = after.length + 1
  if ((before.length + 1) * width > cellsMax) return [...before.map(removed), ...after.map(added)]
  // common[i, j]: length of the longest common part of what follows i before and j after.
  const common = new Uint32Array((before.length + 1) * width)
  const at = (i: number, j: number): number => common[i * width + j] ?? 0
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const changes: LineChange[] = []
  let i = 0
  let j = 0
  while (i < before.length || j < after.length) {
    const [mine, theirs] = [before[i], after[j]]
    if (mine !== undefined && mine === theirs) {
      changes.push({ kind: 'same', text: mine })
      i += 1
      j += 1
    } else if (mine !== undefined && (theirs === undefined || at(i + 1, j) >= at(i, j + 1))) {
      changes.push(removed(mine))
      i += 1
    } else if (theirs !== undefined) {
      changes.push(added(theirs))
      j += 1
    }
  }
  return changes
}

/** The lines of a text; the one after a final line end is none. */
export function textLines(text: string): readonly string[] {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

/** The lines of a unified diff, or none when the texts are equal. `names` stand in its head. */
export function unifiedDiff(before: string, after: string, names: { readonly before: string; readonly after: string }): readonly string[] {
  if (before === after) return []
  const changes = lineChanges(textLines(before), textLines(after))
  const lines = [`--- ${names.before}`, `+++ ${names.after}`]
  const places = changes.flatMap((change, index) => (change.kind === 'same' ? [] : [index]))
  if (places.length === 0) return [...lines, '@@ only the line end at the end of the file differs @@']
  let from = 0
  while (from < places.length) {
    let to = from
    while (to + 1 < places.length && (places[to + 1] ?? 0) - (places[to] ?? 0) <= 2 * contextLines + 1) to += 1
    lines.push(...hunk(changes, Math.max(0, (places[from] ?? 0) - contextLines), Math.min(changes.length, (places[to] ?? 0) + contextLines + 1)))
    from = to + 1
  }
  return lines
}

const marks: Readonly<Record<LineChange['kind'], string>> = { same: ' ', removed: '-', added: '+' }

function hunk(changes: readonly LineChange[], from: number, to: number): readonly string[] {
  const count = (part: readonly LineChange[], without: LineChange['kind']): number => part.filter(change => change.kind !== without).length
  const before = changes.slice(0, from)
  const shown = changes.slice(from, to)
  const range = (without: LineChange['kind']): string => {
    const lines = count(shown, without)
    return `${count(before, without) + (lines === 0 ? 0 : 1)},${lines}`
  }
  return [`@@ -${range('added')} +${range('removed')} @@`, ...shown.map(change => `${marks[change.kind]}${change.text}`)]
}
