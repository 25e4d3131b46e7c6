/** The process behind bin/amqsphac. */

import { runProgram } from '../../cli/context.js'
import { amqsphac } from './amqs-reconnecting.js'

await runProgram(amqsphac)
