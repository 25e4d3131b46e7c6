/**
 * Asks the counter for one number after another, as a client would that believes only the answer to the question it asked
 * last: a question that is not answered within `patienceMs` is given up and asked anew under another word. Prints each
 * answer as `AT_MS NUMBER NODE`; ends when its input does. Arguments: a mark, the address, the port, ms between questions.
 */

import dgram from 'node:dgram'

const [, , , address = '127.0.0.1', port = '7008', everyMs = '10'] = process.argv
const patienceMs = 100
const socket = dgram.createSocket('udp4')
let asked = 0
let timer: NodeJS.Timeout | null = null

function ask(): void {
  asked += 1
  socket.send(`q${asked}`, Number(port), address)
  timer = setTimeout(ask, patienceMs)
}

socket.on('error', () => undefined) // nobody there just now: the question is asked again
socket.on('message', payload => {
  const [word, number = '', node = ''] = payload.toString('latin1').split(' ')
  if (word !== `q${asked}`) return
  if (timer !== null) clearTimeout(timer)
  process.stdout.write(`${performance.now().toFixed(1)} ${number} ${node}\n`)
  asked += 1 // a second answer to the same question is late
  timer = setTimeout(ask, Number(everyMs))
})
process.stdin.on('end', () => process.exit(0)).resume()
ask()
