/**
 * Finds the known name that a mistyped one was probably meant to be.
 *
 * Two names are near when few single-letter changes, or swaps of neighbours, turn one into the other; the allowance
 * grows with the length, so that `on` is never taken for `off` but `keepalvie` is taken for `keepalive`.
 */

/** The nearest of `known`, or null when none is near. Of two equally near ones the first in `known` wins. */
export function nearestName(name: string, known: Iterable<string>): string | null {
  const wanted = name.toLowerCase()
  if (wanted.length > 64) return null // no name is that long, and the distance costs length squared
  const allowance = wanted.length <= 3 ? 1 : wanted.length <= 7 ? 2 : 3
  let best: string | null = null
  let bestDistance = allowance + 1
  for (const candidate of known) {
    if (candidate === name || Math.abs(candidate.length - wanted.length) >= bestDistance) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `did you mean x? ` or nothing, to stand before the rest of a fix. */
export function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known)
  return nearest === null ? '' : `did you mean \`${nearest}\`? `
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let distance = Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, (beforePrevious[column - 2] ?? 0) + 1)
      }
      current.push(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? a.length
}
