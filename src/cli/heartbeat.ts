/** The process behind bin/heartbeat. */

import { runProgram } from './context.js'
import { heartbeat } from './heartbeat-program.js'

await runProgram(heartbeat)
