/** The process behind bin/dspmq. */

import { runCommand } from './command.js'
import { dspmq } from './dspmq-program.js'

await runCommand(dspmq)
