/**
 * Names of queue managers and the directories they get. Source: reference 0.4 and 2.6.
 */

export const queueManagerNameLengthMax = 48

/** Letters, digits, `.`, `/`, `_` and `%`; 1 to 48 characters. */
export const isQueueManagerName = (name: string): boolean => /^[A-Za-z0-9./_%]{1,48}$/.test(name)

/** `ha.queue.manager` lives in `ha!queue!manager`, `a/b` in `a&b`; nothing else changes. */
export const directoryName = (name: string): string => name.replaceAll('.', '!').replaceAll('/', '&')

/** The names to try for a new directory: the transformed one, then with `.000` to `.999`. */
export function* directoryCandidates(name: string): Generator<string> {
  const transformed = directoryName(name)
  yield transformed
  for (let count = 0; count < 1000; count += 1) yield `${transformed}.${String(count).padStart(3, '0')}`
}

/** What of the name goes into the id, so that it has at most 48 characters like other names. */
const idNameLength = 28

/** `name_YYYY-MM-DD_hh.mm.ss` of the moment of creation (UTC); no other queue manager ever has the same. */
export function queueManagerId(name: string, wallMs: number): string {
  const [date = '', time = ''] = new Date(wallMs).toISOString().split('T')
  return `${name.slice(0, idNameLength)}_${date}_${time.slice(0, 8).replaceAll(':', '.')}`
}
