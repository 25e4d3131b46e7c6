/** The process behind bin/amqsgbr. */

import { runProgram } from '../../cli/context.js'
import { amqsgbr } from './amqsgbr-program.js'

await runProgram(amqsgbr)
