/** The process behind bin/dltmqm. */

import { runCommand } from './command.js'
import { dltmqm } from './dltmqm-program.js'

await runCommand(dltmqm)
