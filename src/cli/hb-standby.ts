/** The process behind bin/hb_standby. */

import { runProgram } from './context.js'
import { hbStandby } from './hb-move-programs.js'

await runProgram(hbStandby)
