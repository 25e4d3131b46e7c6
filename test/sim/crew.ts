/** Lives thousands of lives at once: worker threads that take seeds in portions until one breaks a rule. */

import { Worker } from 'node:worker_threads'
import { account } from './shrink.js'

export interface CrewOptions {
  readonly first: number
  readonly count: number
  readonly workers: number
  /** No new portion is given out after so many ms. */
  readonly untilMs: number
  onProgress?(lives: number, tookMs: number): void
}

export interface CrewResult {
  readonly lives: number
  readonly idleLongestMs: number
  readonly doubleLongestMs: number
  /** The shortest account of the failing life with the smallest seed that was met; null when all went well. */
  readonly broken: string | null
}

export interface Portion {
  readonly first: number
  readonly count: number
}

export interface PortionResult {
  readonly lives: number
  readonly idleLongestMs: number
  readonly doubleLongestMs: number
  readonly failed: number | null
}

/** A life leaves much garbage and nothing else: the more room, the less often it is collected. */
const youngMb = 64
const portionSeeds = 50
const progressEveryMs = 10_000

export async function liveMany(options: CrewOptions): Promise<CrewResult> {
  const startedAt = performance.now()
  const end = options.first + options.count
  let next = options.first
  let lives = 0
  let toldAt = startedAt
  let idleLongestMs = 0
  let doubleLongestMs = 0
  const failed: number[] = []
  const portion = (): Portion | null => {
    if (failed.length > 0 || next >= end || performance.now() - startedAt > options.untilMs) return null
    const first = next
    const count = Math.min(portionSeeds, end - next)
    next += count
    return { first, count }
  }
  const take = (result: PortionResult): void => {
    lives += result.lives
    idleLongestMs = Math.max(idleLongestMs, result.idleLongestMs)
    doubleLongestMs = Math.max(doubleLongestMs, result.doubleLongestMs)
    if (result.failed !== null) failed.push(result.failed)
    const now = performance.now()
    if (now - toldAt < progressEveryMs) return
    toldAt = now
    options.onProgress?.(lives, now - startedAt)
  }
  await Promise.all(Array.from({ length: Math.max(1, options.workers) }, () => oneWorker(portion, take)))
  const worst = failed.length === 0 ? null : Math.min(...failed)
  return { lives, idleLongestMs, doubleLongestMs, broken: worst === null ? null : (account(worst) ?? `seed ${worst} broke a rule in a worker, and none here`) }
}

function oneWorker(portion: () => Portion | null, take: (result: PortionResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./crew-worker.js', import.meta.url), { resourceLimits: { maxYoungGenerationSizeMb: youngMb } })
    const give = (): void => {
      const next = portion()
      worker.postMessage(next)
    }
    worker.on('message', (result: PortionResult) => {
      take(result)
      give()
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
    give()
  })
}
