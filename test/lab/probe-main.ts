/**
 * The client's view of a service, as a program that runs in the client's namespace. Every few milliseconds it asks, and
 * it writes a JSON line whenever something changes for it:
 *
 *   {"kind":"answer","at":T,"by":"n1"}       the first answer of all, and each answer from another node than before
 *   {"kind":"silent","since":T}              no answer for longer than the threshold; `since` is the last answer
 *   {"kind":"back","since":T,"at":T,"by":…}  an answer after a silence
 *   {"kind":"late","ms":N}                   the probe itself was kept from running; silences then say less
 *
 * Times are CLOCK_MONOTONIC milliseconds. `udp` asks the laboratory's echo service; `http` makes a new TCP connection each
 * time and takes the first word of the answer's body for the node's name, as a browser without keep-alive would.
 */

import dgram from 'node:dgram'
import net from 'node:net'
import { monotonicMs } from './command.js'

const [, , , kind = 'udp', address = '', portText = '7007', everyText = '5', thresholdText = '30'] = process.argv
const port = Number(portText)
const everyMs = Number(everyText)
const thresholdMs = Number(thresholdText)
const openMax = 100

let lastAnswer: number | null = null
let answeredBy: string | null = null
let isSilent = false

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

function onAnswer(by: string): void {
  const at = monotonicMs()
  const gapMs = lastAnswer === null ? 0 : at - lastAnswer
  if (isSilent || gapMs > thresholdMs) say({ kind: 'back', since: lastAnswer, at, by })
  else if (by !== answeredBy) say({ kind: 'answer', at, by })
  isSilent = false
  lastAnswer = at
  answeredBy = by
}

function udpAsker(): () => void {
  const socket = dgram.createSocket('udp4')
  let sequence = 0
  socket.on('error', () => undefined) // unreachable for now: that is what we measure
  socket.on('message', payload => onAnswer(payload.toString('latin1').split(' ')[0] ?? '?'))
  return () => socket.send(`${(sequence += 1)}`, port, address, () => undefined)
}

function httpAsker(): () => void {
  let open = 0
  return () => {
    if (open >= openMax) return
    open += 1
    let received = ''
    const socket = net.connect({ host: address, port })
    // A connection attempt towards a dead node waits a second before the kernel tries again; we ask anew instead.
    const limit = setTimeout(() => socket.destroy(), 300)
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'))
    socket.on('data', text => {
      received += String(text)
      const body = /\r\n\r\n(\S+)\s/.exec(received)
      if (body !== null) {
        onAnswer(body[1] ?? '?')
        socket.destroy()
      }
    })
    socket.on('error', () => undefined) // refused or unreachable for now: that is what we measure
    socket.on('close', () => {
      clearTimeout(limit)
      open -= 1
    })
  }
}

const ask = kind === 'http' ? httpAsker() : udpAsker()
let lastTick = monotonicMs()
setInterval(() => {
  const now = monotonicMs()
  if (now - lastTick > everyMs + 20) say({ kind: 'late', ms: Math.round(now - lastTick - everyMs) })
  lastTick = now
  if (!isSilent && lastAnswer !== null && now - lastAnswer > thresholdMs) {
    isSilent = true
    say({ kind: 'silent', since: lastAnswer })
  }
  ask()
}, everyMs)
// The laboratory closes our input when it wants us to end, or when it died.
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
