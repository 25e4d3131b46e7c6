/** The process behind bin/crtmqm. */

import { runCommand } from './command.js'
import { crtmqm } from './crtmqm-program.js'

await runCommand(crtmqm)
