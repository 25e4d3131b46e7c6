/** The other end of the control socket, for the commands. Every wait has an end. */

import net from 'node:net'
import type { ControlAnswer, ControlRequest } from './control-protocol.js'

const answerBytesMax = 256 * 1024 * 1024

export interface ControlCall {
  /** The answer; null when nobody is there, or the connection ended before it came. Never rejects. */
  readonly answer: Promise<ControlAnswer | null>
  /** Resolves when the connection is gone: for a request to end, when the process is. */
  readonly gone: Promise<void>
  /** Called for every line after the first. */
  onMore: ((answer: ControlAnswer) => void) | null
  close(): void
}

/** Makes one request; the connection stays open until `close`. An answer that does not come in time is null. */
export function controlCall(path: string, request: ControlRequest, timeoutMs: number): ControlCall {
  const socket = net.connect({ path })
  let settle: (answer: ControlAnswer | null) => void = () => undefined
  let isAnswered = false
  const call: ControlCall = {
    answer: new Promise(resolve => {
      settle = answer => {
        isAnswered = true
        clearTimeout(deadline)
        resolve(answer)
      }
    }),
    gone: new Promise(resolve => {
      socket.once('close', () => {
        settle(null)
        resolve()
      })
    }),
    onMore: null,
    close: () => {
      socket.destroy()
    }
  }
  const deadline = setTimeout(() => {
    settle(null)
  }, timeoutMs)
  const pieces: string[] = []
  let bytes = 0
  socket.setEncoding('utf8')
  socket.on('error', () => socket.destroy())
  socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
  socket.on('data', chunk => {
    const text = String(chunk)
    bytes += text.length
    if (bytes > answerBytesMax) {
      socket.destroy()
      return
    }
    pieces.push(text)
    if (!text.includes('\n')) return
    const lines = pieces.splice(0).join('').split('\n')
    const rest = lines.pop() ?? ''
    if (rest !== '') pieces.push(rest)
    bytes = rest.length
    for (const line of lines) {
      const answer = JSON.parse(line) as ControlAnswer // our own process wrote it
      if (isAnswered) call.onMore?.(answer)
      else settle(answer)
    }
  })
  return call
}

/** One request, one answer. */
export async function askQueueManager(path: string, request: ControlRequest, timeoutMs: number): Promise<ControlAnswer | null> {
  const call = controlCall(path, request, timeoutMs)
  const answer = await call.answer
  call.close()
  return answer
}
