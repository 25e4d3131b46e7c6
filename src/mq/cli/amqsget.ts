/** The process behind bin/amqsget. */

import { runProgram } from '../../cli/context.js'
import { amqsget } from './amqsget-program.js'

await runProgram(amqsget)
