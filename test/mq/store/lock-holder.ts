/**
 * A process that takes the lock and the epoch of a directory and answers questions over its channel to the test.
 * Arguments: directory, and `with-children` to have children of its own that outlive it.
 */

import { spawn } from 'node:child_process'
import { instant } from '../../../src/base/units.js'
import { growEpoch, readEpochNow, RightToWrite } from '../../../src/mq/store/epoch.js'
import { acquireLock } from '../../../src/mq/store/lock.js'
import { realDisk } from '../../../src/mq/store/real-disk.js'

const [directory = '', children] = process.argv.slice(2)
const say = (answer: object): void => {
  process.send?.(answer)
}
// The children have no channel of ours: an open one would keep the test from hearing of our death.
const bear = (): number | undefined => spawn('sleep', ['60'], { stdio: 'ignore', detached: true }).pid

const pids = children === 'with-children' ? [bear()] : []
const lock = await acquireLock(directory)
if (lock.kind === 'refused') say({ refused: lock.heldBy })
else {
  if (children === 'with-children') pids.push(bear())
  lock.onLost = why => say({ lost: why })
  const epoch = await growEpoch(realDisk, directory)
  const right = new RightToWrite({ epoch, readEpoch: () => readEpochNow(directory), isLockHeld: () => lock.isHeld() }, instant(0))
  process.on('message', (question: { readonly ask: 'may-write' | 'release'; readonly now?: number }) => {
    if (question.ask === 'release') lock.release()
    say(question.ask === 'may-write' ? { mayWrite: right.mayWrite(instant(question.now ?? 0)), why: right.lostBecause } : { released: true })
  })
  say({ held: true, epoch, pids })
}
// Gone with the test, whatever happens to it.
process.on('disconnect', () => process.exit(0))
