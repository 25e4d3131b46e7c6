/** One worker thread of crew.ts: lives the seeds it is given, says how it went, ends when there are none left. */

import { parentPort } from 'node:worker_threads'
import type { Portion, PortionResult } from './crew.js'
import { World } from './world.js'

function livePortion(portion: Portion): PortionResult {
  let idleLongestMs = 0
  let doubleLongestMs = 0
  for (let at = 0; at < portion.count; at += 1) {
    const seed = portion.first + at
    const world = new World({ seed })
    try {
      world.run()
    } catch (error) {
      if (!(error instanceof Error)) throw error
      return { lives: at + 1, idleLongestMs, doubleLongestMs, failed: seed } // told in full by the one who asked
    }
    idleLongestMs = Math.max(idleLongestMs, world.checkers.idleLongestMs)
    doubleLongestMs = Math.max(doubleLongestMs, world.checkers.doubleLongestMs)
  }
  return { lives: portion.count, idleLongestMs, doubleLongestMs, failed: null }
}

const port = parentPort
port?.on('message', (portion: Portion | null) => {
  if (portion === null) port.close()
  else port.postMessage(livePortion(portion))
})
