/** The process behind bin/hacrtmqm. */

import { runCommand } from './command.js'
import { hacrtmqm } from './ha-programs.js'

await runCommand(hacrtmqm)
