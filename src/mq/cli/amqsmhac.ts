/** The process behind bin/amqsmhac. */

import { runProgram } from '../../cli/context.js'
import { amqsmhac } from './amqs-reconnecting.js'

await runProgram(amqsmhac)
