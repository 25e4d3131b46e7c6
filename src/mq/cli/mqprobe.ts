/** The process behind bin/mqprobe. */

import { runProgram } from '../../cli/context.js'
import { mqprobe } from './mqprobe-program.js'

await runProgram(mqprobe)
