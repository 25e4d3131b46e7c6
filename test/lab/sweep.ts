/** Removes laboratories and namespaces whose owner died without tidying up; those of living processes are left alone. */

import { sweep, sweepNamespaces } from './registry.js'

for (const name of sweep()) process.stderr.write(`removed the abandoned laboratory ${name}\n`)
for (const name of sweepNamespaces()) process.stderr.write(`removed the abandoned namespace ${name}\n`)
