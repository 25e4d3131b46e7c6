/** The process behind bin/amqsbcg. */

import { runProgram } from '../../cli/context.js'
import { amqsbcg } from './amqsbcg-program.js'

await runProgram(amqsbcg)
