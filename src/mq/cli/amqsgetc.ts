/** The process behind bin/amqsgetc. */

import { runProgram } from '../../cli/context.js'
import { amqsgetc } from './amqsget-program.js'

await runProgram(amqsgetc)
