/** The process behind bin/strmqm. */

import { runCommand } from './command.js'
import { strmqm } from './strmqm-program.js'

await runCommand(strmqm)
