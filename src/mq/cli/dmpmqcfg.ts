/** The process behind bin/dmpmqcfg. */

import { runCommand } from './command.js'
import { dmpmqcfg } from './dmpmqcfg-program.js'

await runCommand(dmpmqcfg)
