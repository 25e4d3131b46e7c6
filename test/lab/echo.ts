/**
 * The smallest service there is, one on each node of the laboratory: answers every UDP datagram with the node's name and
 * what was asked. It listens on all addresses, so who answers for a floating address shows where the network believes
 * that address to live. Arguments: a mark, the node's name, the port.
 */

import dgram from 'node:dgram'

const [, , , name = '?', port = '7007'] = process.argv
const socket = dgram.createSocket('udp4')
// A client that went away answers with ICMP errors; they are its affair, not ours.
socket.on('error', error => process.stderr.write(`${error.message}\n`))
socket.on('message', (payload, from) => socket.send(`${name} ${payload.toString('latin1')}`, from.port, from.address))
socket.bind(Number(port), '0.0.0.0')
