/** The process behind bin/amqsbrowse. */

import { runProgram } from '../../cli/context.js'
import { amqsbrowse } from './amqsbrowse-program.js'

await runProgram(amqsbrowse)
