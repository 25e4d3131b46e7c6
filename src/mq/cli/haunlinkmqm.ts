/** The process behind bin/haunlinkmqm. */

import { runCommand } from './command.js'
import { haunlinkmqm } from './ha-programs.js'

await runCommand(haunlinkmqm)
