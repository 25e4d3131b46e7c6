/**
 * A STOMP client that does nothing but load: frames are made once, answers are counted by their bytes. It runs in a process
 * of its own, so that its work is not counted as the broker's.
 *
 *     node stomp-load.js put|get '{"port":…, "queue":…, "messages":…, …}'
 *
 * Prints one JSON line: `{"messages":N,"seconds":S,"p50Ms":…,"p99Ms":…}`.
 */

import { once } from 'node:events'
import net from 'node:net'

export interface LoadOptions {
  readonly host: string
  readonly port: number
  readonly login: string
  readonly passcode: string
  readonly destination: string
  readonly connections: number
  /** Sends without an answer, or deliveries without an acknowledgement, per connection. */
  readonly window: number
  readonly messages: number
  readonly bodyBytes: number
}

export interface LoadResult {
  readonly messages: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const nul = 0

/** Splits a stream into frames; a body with `content-length` may hold anything. Calls back with command and the whole frame. */
class Frames {
  #rest: Buffer = Buffer.alloc(0)

  feed(bytes: Buffer, visit: (frame: Buffer) => void): void {
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    for (;;) {
      while (at < data.length && (data[at] === 10 || data[at] === 13)) at += 1
      const headEnd = data.indexOf('\n\n', at, 'latin1')
      if (headEnd < 0) break
      const lengthAt = data.indexOf('content-length:', at, 'latin1')
      let end: number
      if (lengthAt >= 0 && lengthAt < headEnd) {
        let length = 0
        for (let i = lengthAt + 15; i < data.length; i += 1) {
          const digit = (data[i] ?? 0) - 48
          if (digit < 0 || digit > 9) break
          length = length * 10 + digit
        }
        end = headEnd + 2 + length
        if (end >= data.length) break
      } else {
        end = data.indexOf(nul, headEnd)
        if (end < 0) break
      }
      visit(data.subarray(at, end))
      at = end + 1
    }
    this.#rest = at === data.length ? Buffer.alloc(0) : Buffer.from(data.subarray(at))
  }
}

async function dial(options: LoadOptions): Promise<{ socket: net.Socket; frames: Frames }> {
  const socket = net.connect({ host: options.host, port: options.port })
  socket.setNoDelay(true)
  await once(socket, 'connect')
  const frames = new Frames()
  socket.write(`CONNECT\naccept-version:1.2\nhost:/\nlogin:${options.login}\npasscode:${options.passcode}\nheart-beat:0,0\n\n\0`)
  await new Promise<void>((resolve, reject) => {
    const onData = (bytes: Buffer): void => {
      frames.feed(bytes, frame => {
        if (frame.toString('latin1', 0, 9) === 'CONNECTED') resolve()
        else reject(new Error(frame.toString()))
        socket.off('data', onData)
      })
    }
    socket.on('data', onData)
    socket.once('error', reject)
  })
  socket.on('error', error => {
    throw error
  })
  return { socket, frames }
}

const headerOf = (frame: Buffer, name: string): string => {
  const from = frame.indexOf(`\n${name}:`, 0, 'latin1')
  if (from < 0) throw new Error(`no ${name} in ${frame.toString('latin1', 0, 200)}`)
  const start = from + name.length + 2
  return frame.toString('latin1', start, frame.indexOf('\n', start, 'latin1'))
}

/** Persistent SENDs with receipts, `window` outstanding on each connection. */
async function put(options: LoadOptions): Promise<LoadResult> {
  const body = Buffer.alloc(options.bodyBytes, 0x78)
  const head = `SEND\ndestination:${options.destination}\npersistent:true\ncontent-length:${body.length}\nreceipt:`
  const share = Math.ceil(options.messages / options.connections)
  const times: number[] = []
  const peers = await Promise.all(Array.from({ length: options.connections }, () => dial(options)))
  const began = performance.now()
  await Promise.all(
    peers.map(
      ({ socket, frames }) =>
        new Promise<void>((resolve, reject) => {
          let sent = 0
          let answered = 0
          const sentAt: number[] = []
          const fill = (): void => {
            const parts: Buffer[] = []
            while (sent < share && sent - answered < options.window) {
              parts.push(Buffer.from(`${head}${sent}\n\n`, 'latin1'), body, zero)
              sentAt.push(performance.now())
              sent += 1
            }
            if (parts.length > 0) socket.write(Buffer.concat(parts))
          }
          socket.on('data', (bytes: Buffer) => {
            frames.feed(bytes, frame => {
              if (frame[0] !== 0x52) {
                reject(new Error(frame.toString('utf8', 0, 400)))
                return
              }
              times.push(performance.now() - (sentAt[Number(headerOf(frame, 'receipt-id'))] ?? 0))
              answered += 1
            })
            if (answered === share) resolve()
            else if (sent - answered <= options.window / 2) fill()
          })
          fill()
        })
    )
  )
  const seconds = (performance.now() - began) / 1000
  for (const { socket } of peers) socket.destroy()
  return result(share * options.connections, seconds, times)
}

/** Deliveries in client-individual mode, each acknowledged; ends when the last acknowledgement has its receipt. */
async function get(options: LoadOptions): Promise<LoadResult> {
  let taken = 0
  const peers = await Promise.all(Array.from({ length: options.connections }, () => dial(options)))
  const began = performance.now()
  await new Promise<void>((resolve, reject) => {
    let receipts = 0
    let isClosing = false
    peers.forEach(({ socket, frames }) => {
      socket.on('data', (bytes: Buffer) => {
        const parts: string[] = []
        frames.feed(bytes, frame => {
          if (frame[0] === 0x4d) {
            taken += 1
            parts.push(`ACK\nid:${headerOf(frame, 'ack')}\n\n\0`)
          } else if (frame[0] === 0x52) receipts += 1
          else reject(new Error(frame.toString('utf8', 0, 400)))
        })
        if (parts.length > 0) socket.write(parts.join(''))
        if (taken >= options.messages && !isClosing) {
          isClosing = true
          // Every connection closes its account: a receipt is sent after all frames before it were processed.
          for (const peer of peers) peer.socket.write('UNSUBSCRIBE\nid:1\nreceipt:last\n\n\0')
        }
        if (receipts >= peers.length) resolve()
      })
      socket.write(
        `SUBSCRIBE\nid:1\ndestination:${options.destination}\nack:client-individual\nprefetch-count:${options.window}\nactivemq.prefetchSize:${options.window}\n\n\0`
      )
    })
  })
  const seconds = (performance.now() - began) / 1000
  for (const { socket } of peers) socket.destroy()
  return result(taken, seconds, [])
}

const zero = Buffer.alloc(1)

function result(messages: number, seconds: number, times: number[]): LoadResult {
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return { messages, seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}

const [mode = '', text = '{}'] = process.argv.slice(2)
const options = JSON.parse(text) as LoadOptions
if (mode === 'put') console.log(JSON.stringify(await put(options)))
else if (mode === 'get') console.log(JSON.stringify(await get(options)))
else throw new Error(`unknown load ${mode}`)
