/** The process behind bin/amqsputc. */

import { runProgram } from '../../cli/context.js'
import { amqsputc } from './amqsput-program.js'

await runProgram(amqsputc)
