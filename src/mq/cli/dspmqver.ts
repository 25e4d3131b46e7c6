/** The process behind bin/dspmqver. */

import { runCommand } from './command.js'
import { dspmqver } from './dspmqver-program.js'

await runCommand(dspmqver)
