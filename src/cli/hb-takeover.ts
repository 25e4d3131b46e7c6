/** The process behind bin/hb_takeover. */

import { runProgram } from './context.js'
import { hbTakeover } from './hb-move-programs.js'

await runProgram(hbTakeover)
