/** The process behind bin/endmqlsr. */

import { runCommand } from './command.js'
import { endmqlsr } from './listener-programs.js'

await runCommand(endmqlsr)
