/** The process behind bin/amqsput. */

import { runProgram } from '../../cli/context.js'
import { amqsput } from './amqsput-program.js'

await runProgram(amqsput)
