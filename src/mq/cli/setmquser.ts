/** The process behind bin/setmquser. */

import { runCommand } from './command.js'
import { setmquserFrom } from './setmquser-program.js'

await runCommand(setmquserFrom(() => ({ stream: process.stdin, isTerminal: process.stdin.isTTY })))
process.stdin.destroy()
