/** The process behind bin/cl_status. */

import { runProgram } from './context.js'
import { clStatus } from './cl-status-program.js'

await runProgram(clStatus)
