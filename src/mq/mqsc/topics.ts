/** Topic strings as DISPLAY TPSTATUS takes them: `#` stands for any levels, `+` for one. */

/** Linear in the levels of the topic for each `#`; topic strings are bounded. */
export function matchesTopic(pattern: string, topic: string): boolean {
  return matchesLevels(pattern.split('/'), topic.split('/'))
}

function matchesLevels(pattern: readonly string[], topic: readonly string[]): boolean {
  // The usual two-pointer match: after a mismatch the last `#` takes one level more.
  let at = 0
  let level = 0
  let hash = -1
  let taken = 0
  while (level < topic.length) {
    const wanted = pattern[at]
    if (wanted === '#') {
      hash = at
      taken = level
      at += 1
    } else if (wanted !== undefined && (wanted === '+' || wanted === topic[level])) {
      at += 1
      level += 1
    } else if (hash >= 0) {
      taken += 1
      level = taken
      at = hash + 1
    } else return false
  }
  return pattern.slice(at).every(wanted => wanted === '#')
}
