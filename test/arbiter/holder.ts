/** Holds the group `aaaa` as ha1 at the etcd of the given port, prints each word, and lives until it is killed. */

import { createArbiter } from '../../src/arbiter/etcd-arbiter.js'
import { clock, configFor, endpoint } from './etcd-server.js'

const arbiter = createArbiter(configFor([endpoint(Number(process.argv[2]))]), { clock, node: 'ha1', generation: 1 })
arbiter.want(['aaaa'])
arbiter.open(word => process.stdout.write(`${JSON.stringify(word)}\n`))
