/** The end of a command whose disk does not answer: an orderly exit would wait for the kernel, perhaps for ever. */

import { HaError } from '../base/errors.js'
import type { OneShotDisk } from '../lease-disk/one-shot.js'
import type { CommandContext } from './context.js'
import { answerWithin } from './lease-words.js'

/** Lets the words already said get out, then ends this process by a signal. */
export function endIfHanging(disk: OneShotDisk): void {
  if (disk.isHanging) setImmediate(() => process.kill(process.pid, 'SIGTERM'))
}

/** The same for work on files that is not done through a OneShotDisk. */
export async function withinLimit<T>(context: CommandContext, path: string, work: Promise<T>): Promise<T> {
  let cancel = (): void => undefined
  const limit = new Promise<never>((_, reject) => {
    const timer = context.clock.schedule(answerWithin, () => {
      reject(new HaError('HA_LEASE_UNUSABLE', `${path}: it hangs: no answer within ${answerWithin / 1000} s`))
      setImmediate(() => process.kill(process.pid, 'SIGTERM'))
    })
    cancel = () => timer.cancel()
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    cancel()
  }
}
