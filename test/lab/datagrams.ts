/**
 * A stranger on the network, as a program in the client's namespace. Arguments: a mark, then
 *
 *   capture PORT COUNT     writes the next COUNT datagrams that reach the port (broadcasts), one a line, in base64
 *   send ADDRESS PORT MS   sends the datagrams read from standard input, one every MS milliseconds, then ends
 */

import dgram from 'node:dgram'
import readline from 'node:readline'

const [, , , mode, ...rest] = process.argv
const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true })

function capture(port: number, count: number): void {
  let left = count
  socket.on('message', payload => {
    if (left <= 0) return
    left -= 1
    process.stdout.write(`${payload.toString('base64')}\n`)
    if (left === 0) socket.close()
  })
  socket.bind(port, '0.0.0.0')
}

async function send(address: string, port: number, everyMs: number): Promise<void> {
  socket.on('error', () => undefined) // nobody listens any more: so much the better for him
  for await (const line of readline.createInterface({ input: process.stdin })) {
    await new Promise<void>(resolve => socket.send(Buffer.from(line, 'base64'), port, address, () => resolve()))
    if (everyMs > 0) await new Promise(resolve => setTimeout(resolve, everyMs))
  }
  socket.close()
}

if (mode === 'capture') capture(Number(rest[0]), Number(rest[1]))
else await send(rest[0] ?? '', Number(rest[1]), Number(rest[2]))
