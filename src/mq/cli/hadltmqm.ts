/** The process behind bin/hadltmqm. */

import { runCommand } from './command.js'
import { hadltmqm } from './ha-programs.js'

await runCommand(hadltmqm)
