/** Pings the addresses given, prints the process ids once it has reported, and lives until it is killed. */

import { millis } from '../../src/base/units.js'
import { createConnectivity } from '../../src/connectivity/ping-connectivity.js'
import { clock } from '../arbiter/etcd-server.js'

const targets = process.argv.slice(2).map(name => ({ kind: 'node' as const, name, addresses: [name], position: { file: '', line: 1, column: 1 } }))
const connectivity = createConnectivity({ targets, deadpingMs: millis(800) }, { clock })
connectivity.open(seen => process.stdout.write(`${JSON.stringify({ ...seen, pids: [...connectivity.pids().values()] })}\n`))
