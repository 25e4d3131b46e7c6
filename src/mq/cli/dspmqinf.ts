/** The process behind bin/dspmqinf. */

import { runCommand } from './command.js'
import { dspmqinf } from './mqinf-programs.js'

await runCommand(dspmqinf)
