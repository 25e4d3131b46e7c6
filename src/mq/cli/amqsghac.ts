/** The process behind bin/amqsghac. */

import { runProgram } from '../../cli/context.js'
import { amqsghac } from './amqs-reconnecting.js'

await runProgram(amqsghac)
