/** The process behind bin/runmqsc. */

import { runCommand } from './command.js'
import { runmqscFrom } from './runmqsc-program.js'

await runCommand(runmqscFrom(() => ({ stream: process.stdin, isTerminal: process.stdin.isTTY })))
// A terminal that is still open for reading keeps nobody.
process.stdin.destroy()
