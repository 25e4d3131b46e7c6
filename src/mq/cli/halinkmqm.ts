/** The process behind bin/halinkmqm. */

import { runCommand } from './command.js'
import { halinkmqm } from './ha-programs.js'

await runCommand(halinkmqm)
