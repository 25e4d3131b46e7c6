/** The process behind bin/rmvmqinf. */

import { runCommand } from './command.js'
import { rmvmqinf } from './mqinf-programs.js'

await runCommand(rmvmqinf)
