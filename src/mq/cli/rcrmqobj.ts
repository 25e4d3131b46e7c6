/** The process behind bin/rcrmqobj. */

import { runCommand } from './command.js'
import { rcrmqobj } from './image-programs.js'

await runCommand(rcrmqobj)
