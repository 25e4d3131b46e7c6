/** The process behind bin/runmqlsr. */

import { runCommand } from './command.js'
import { runmqlsr } from './listener-programs.js'

await runCommand(runmqlsr)
