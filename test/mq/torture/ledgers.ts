/**
 * Reads the ledgers of putters and getters and what was left on the queue, and says what was lost, doubled or invented.
 *
 * A message whose put was answered must be got exactly once or still be there. One whose put nobody knows of may be there
 * once or not at all. A get nobody knows of may have taken its messages or given them back.
 */

export interface Ledger {
  readonly done: readonly string[]
  readonly open: readonly string[]
}

export function parseLedger(text: string): Ledger {
  const done: string[] = []
  const open: string[] = []
  for (const line of text.split('\n')) {
    // A line cut short by a kill of its writer was a unit whose answer did arrive; what stands there counts.
    const [word, ...ids] = line.split(' ').filter(part => part !== '')
    if (word === 'done') done.push(...ids)
    else if (word === 'open') open.push(...ids)
  }
  return { done, open }
}

export interface Account {
  readonly put: number
  readonly got: number
  readonly left: number
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  readonly invented: readonly string[]
}

export function account(putters: readonly Ledger[], getters: readonly Ledger[], left: readonly string[]): Account {
  const promised = new Set(putters.flatMap(ledger => ledger.done))
  const possible = new Set(putters.flatMap(ledger => ledger.open))
  const got = getters.flatMap(ledger => ledger.done)
  const maybeGot = new Set(getters.flatMap(ledger => ledger.open))
  const times = new Map<string, number>()
  for (const id of [...got, ...left]) times.set(id, (times.get(id) ?? 0) + 1)
  return {
    put: promised.size,
    got: got.length,
    left: left.length,
    lost: [...promised].filter(id => !times.has(id) && !maybeGot.has(id)),
    doubled: [...times].filter(([, count]) => count > 1).map(([id]) => id),
    invented: [...times.keys()].filter(id => !promised.has(id) && !possible.has(id))
  }
}
