/** The process behind bin/addmqinf. */

import { runCommand } from './command.js'
import { addmqinf } from './mqinf-programs.js'

await runCommand(addmqinf)
