/**
 * A service that must not run twice: it counts. The counter is read from the shared disk once, at its start, and from then
 * on kept in memory and written behind each answer; two of them at once would give the same number to two requests.
 *
 * UDP: a request is any word, the answer `WORD NUMBER NODE`. Arguments: a mark, the node's name, the address, the port, the file.
 */

import dgram from 'node:dgram'
import fs from 'node:fs'

const [, , , node = '?', address = '127.0.0.1', port = '7008', file = ''] = process.argv
// One write in place: a counter that is killed leaves the old number or the new one, never an empty file.
const disk = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT)
let count = Number(fs.readFileSync(disk, 'utf8'))
const socket = dgram.createSocket('udp4')
socket.on('error', error => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1) // the address is not here: the start has failed
})
socket.on('message', (payload, from) => {
  count += 1
  fs.writeSync(disk, `${String(count).padStart(12, '0')}\n`, 0)
  socket.send(`${payload.toString('latin1')} ${count} ${node}`, from.port, from.address)
})
socket.bind(Number(port), address, () => process.stdout.write('ready\n'))
