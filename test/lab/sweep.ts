/** Removes laboratories whose owner died without tidying up; those of living processes are left alone. */

import { sweep } from './registry.js'

for (const name of sweep()) process.stderr.write(`removed the abandoned laboratory ${name}\n`)
