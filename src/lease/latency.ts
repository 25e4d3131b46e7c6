/** How long operations on the lease area took: the newest ones for median and p99, all of them for the maximum. */

/** Enough for a p99 of the last minutes, and quickly sorted. */
const keptByDefault = 512

export interface LatencyFigures {
  /** All operations counted, not only those kept. */
  readonly count: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly maxMs: number
}

export class LatencyHistory {
  readonly #kept: number[] = []
  readonly #keptMax: number
  #count = 0
  #maxMs = 0

  constructor(keptMax = keptByDefault) {
    this.#keptMax = keptMax
  }

  add(tookMs: number): void {
    this.#kept[this.#count % this.#keptMax] = tookMs
    this.#count += 1
    this.#maxMs = Math.max(this.#maxMs, tookMs)
  }

  /** Sorts what is kept: not for every heartbeat. */
  figures(): LatencyFigures {
    const sorted = [...this.#kept].sort((a, b) => a - b)
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
    return { count: this.#count, medianMs: at(0.5), p99Ms: at(0.99), maxMs: this.#maxMs }
  }
}

/** `measured p99 of renewals here is 4 ms; the lease of 3 s is 750x` */
export function latencySentence(figures: LatencyFigures, leaseMs: number): string {
  if (figures.count === 0) return 'no renewal was measured yet'
  const shown = figures.p99Ms < 1 ? figures.p99Ms.toFixed(2) : figures.p99Ms < 10 ? figures.p99Ms.toFixed(1) : String(Math.round(figures.p99Ms))
  return `measured p99 of renewals here is ${shown} ms; the lease of ${leaseMs / 1000} s is ${Math.floor(leaseMs / Math.max(figures.p99Ms, 0.01))}x`
}

/** The shortest lease that a disk with these latencies keeps without false alarms: 1 s or more, in steps of half a second. */
export function supportedLeaseMs(figures: LatencyFigures): number {
  // A renewal that takes an eighth of the lease keeps the next one waiting; the slowest of a few seconds is not the slowest of a year.
  return Math.max(1000, Math.ceil(Math.max(50 * figures.p99Ms, 10 * figures.maxMs) / 500) * 500)
}
