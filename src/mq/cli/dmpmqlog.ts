/** The process behind bin/dmpmqlog. */

import { runProgram } from '../../cli/context.js'
import { dmpmqlog } from './dmpmqlog-program.js'

await runProgram(dmpmqlog)
