/** The process behind bin/rcdmqimg. */

import { runCommand } from './command.js'
import { rcdmqimg } from './image-programs.js'

await runCommand(rcdmqimg)
