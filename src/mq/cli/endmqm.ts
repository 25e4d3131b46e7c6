/** The process behind bin/endmqm. */

import { runCommand } from './command.js'
import { endmqm } from './endmqm-program.js'

await runCommand(endmqm)
