/**
 * The daemon's end of the control socket: accepts commands, reads one request from each connection and carries the answer.
 *
 * Think of a counter with a clerk: one question per visitor, a short queue, and whoever neither speaks nor listens is
 * sent away. The heartbeat path shares this process, so nothing here waits for a visitor and nothing a visitor sends can
 * throw: refused input is answered with HA_CONTROL_BAD_REQUEST and counted by nobody.
 *
 * Invariants
 *  1. At most `connectionsMax` connections; one more is told HA_CONTROL_BUSY and closed.
 *  2. A connection holds at most `lineBytesMax` of unread request and `unsentBytesMax` of unread answer; beyond that it ends.
 *  3. Each request gets exactly one final answer; progress after it is dropped.
 *  4. The socket of a living daemon is never removed: a stale one is recognised by nobody answering.
 *
 * Not here: what requests mean (daemon/), their syntax (parse-request.ts).
 */

import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { dirname } from 'node:path'
import { HaError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import { millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import { parseLine } from './parse-request.js'
import { connectionsMax, lineBytesMax, protocolVersion } from './protocol.js'
import type { ControlRequest, ControlResponse, ControlResult } from './protocol.js'

/** A request must be complete this long after connecting. Commands send theirs at once; only a stuck one takes longer. */
const requestDeadlineMs = millis(10_000)
/** After the final answer, the other side has this long to read it and hang up. */
const drainDeadlineMs = millis(5_000)
/** Unread answers beyond this end the connection. One status report is far smaller. */
const unsentBytesMax = 1024 * 1024
/** `close` gives final answers on their way this long. */
const closeDeadlineMs = millis(500)
/** sun_path holds 108 bytes with its final NUL (unix(7)). */
const socketPathBytesMax = 107

export interface ControlReply {
  /** A line for the operator who waits. */
  progress(text: string): void
  done(result: ControlResult): void
  fail(code: ErrorCode, message: string): void
}

export interface ControlServer {
  readonly connections: number
  /** Stops listening, ends every connection (unanswered ones with HA_NOT_RUNNING) and removes the socket. Never rejects. */
  close(): Promise<void>
}

export interface ControlServerOptions {
  readonly path: string
  readonly clock: Clock
  /** `signal` aborts when the asker hangs up or the server closes. Must not throw; answers may come any time later. */
  onRequest(request: ControlRequest, reply: ControlReply, signal: AbortSignal): void
  /** Told once per trouble of the listening socket itself, e.g. too many open files. */
  onTrouble?(sentence: string): void
}

/**
 * Opens the control socket.
 * Rejects with HA_ALREADY_RUNNING when a daemon answers at `path`, with HA_STATE_UNUSABLE when the socket cannot be made.
 */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { path, clock } = options
  if (Buffer.byteLength(path) > socketPathBytesMax) {
    throw new HaError('HA_STATE_UNUSABLE', `the control socket's path is longer than ${socketPathBytesMax} bytes: ${path}; choose a shorter HA_RUN_DIR`)
  }
  const visitors = new Set<Visitor>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    if (visitors.size >= connectionsMax) return turnAway(socket, clock)
    const visitor = new Visitor(socket, options)
    visitors.add(visitor)
    socket.on('close', () => visitors.delete(visitor))
  })
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    await removeIfStale(path, clock)
    await listen(server, path)
    admitGroup(path)
  } catch (error) {
    server.close()
    if (error instanceof HaError) throw error
    throw new HaError('HA_STATE_UNUSABLE', `the control socket ${path} cannot be made: ${sentenceOf(error)}`, { cause: error })
  }
  server.on('error', error => options.onTrouble?.(`the control socket failed: ${sentenceOf(error)}`))

  let closing: Promise<void> | null = null
  return {
    get connections() {
      return visitors.size
    },
    close: () => (closing ??= closeAll(server, visitors, clock))
  }
}

/** One connection, from accept to close. */
class Visitor {
  readonly #socket: Socket
  readonly #options: ControlServerOptions
  readonly #abort = new AbortController()
  #resolveGone: () => void = () => undefined
  /** Resolves when the connection is closed and its signal aborted. */
  readonly gone = new Promise<void>(resolve => {
    this.#resolveGone = resolve
  })
  #deadline: Scheduled
  #unread: Buffer[] = []
  #unreadBytes = 0
  #state: 'reading' | 'asked' | 'answered' | 'gone' = 'reading'
  #id = 0

  constructor(socket: Socket, options: ControlServerOptions) {
    this.#socket = socket
    this.#options = options
    this.#deadline = options.clock.schedule(requestDeadlineMs, () => this.#refuse('no complete request within 10 s'))
    socket.on('data', chunk => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    // A reset by the other side needs no answer; 'close' follows and does the work.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
  }

  /** Answers HA_NOT_RUNNING where no answer was given yet. */
  dismiss(): void {
    if (this.#state === 'reading' || this.#state === 'asked') {
      this.#finish({ v: protocolVersion, id: this.#id, ok: false, error: { code: 'HA_NOT_RUNNING', message: 'the daemon ends now' } })
    }
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'reading') return // one request a connection; what follows is read and dropped
    const end = chunk.indexOf(0x0a)
    const piece = end === -1 ? chunk : chunk.subarray(0, end)
    this.#unreadBytes += piece.length
    if (this.#unreadBytes > lineBytesMax) return this.#refuse(`a request holds at most ${lineBytesMax} bytes`)
    this.#unread.push(piece)
    if (end !== -1) this.#onLine(Buffer.concat(this.#unread).toString('utf8'))
  }

  #onEnd(): void {
    if (this.#state === 'reading') return this.#refuse('the request ended before its line feed')
    if (this.#state !== 'asked') return
    // On a stream socket a hang-up and a closed writing half (`socat`, `nc -N`) look the same. So nobody waits for this
    // asker any longer, but an answer that comes soon is still sent.
    this.#abort.abort()
    this.#deadline = this.#options.clock.schedule(drainDeadlineMs, () => this.#socket.destroy())
  }

  #onLine(line: string): void {
    this.#unread = []
    const parsed = parseLine(line)
    this.#id = parsed.id
    if (!parsed.ok) return this.#refuse(parsed.message)
    this.#state = 'asked'
    this.#deadline.cancel() // the daemon may take its time; the asker has a deadline of its own
    this.#options.onRequest(parsed.request, this.#reply(), this.#abort.signal)
  }

  #reply(): ControlReply {
    const head = { v: protocolVersion, id: this.#id } as const
    return {
      progress: text => {
        if (this.#state === 'asked') this.#send({ ...head, progress: text })
      },
      done: result => {
        if (this.#state === 'asked') this.#finish({ ...head, ok: true, result })
      },
      fail: (code, message) => {
        if (this.#state === 'asked') this.#finish({ ...head, ok: false, error: { code, message } })
      }
    }
  }

  #refuse(message: string): void {
    this.#finish({ v: protocolVersion, id: this.#id, ok: false, error: { code: 'HA_CONTROL_BAD_REQUEST', message } })
  }

  #finish(response: ControlResponse): void {
    this.#unread = []
    this.#state = 'answered'
    this.#deadline.cancel()
    this.#deadline = this.#options.clock.schedule(drainDeadlineMs, () => this.#socket.destroy())
    this.#send(response)
    this.#socket.end()
  }

  #send(response: ControlResponse): void {
    this.#socket.write(`${JSON.stringify(response)}\n`)
    if (this.#socket.writableLength > unsentBytesMax) this.#socket.destroy()
  }

  #onClose(): void {
    this.#state = 'gone'
    this.#deadline.cancel()
    this.#abort.abort()
    this.#resolveGone()
  }
}

function turnAway(socket: Socket, clock: Clock): void {
  const response: ControlResponse = {
    v: protocolVersion,
    id: 0,
    ok: false,
    error: { code: 'HA_CONTROL_BUSY', message: `${connectionsMax} commands are connected already; try again when one has ended` }
  }
  const deadline = clock.schedule(drainDeadlineMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('close', () => deadline.cancel())
  socket.resume()
  socket.end(`${JSON.stringify(response)}\n`)
}

/** Removes a socket nobody listens on any more; a plain file or a directory in its place is left alone and reported. */
async function removeIfStale(path: string, clock: Clock): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new HaError('HA_STATE_UNUSABLE', `${path} is not a socket; it was not made by heartbeat: look at it, then remove it`)
  }
  if (await somebodyAnswers(path, clock)) throw new HaError('HA_ALREADY_RUNNING', `a heartbeat daemon answers at ${path} already`)
  unlinkSync(path)
}

function somebodyAnswers(path: string, clock: Clock): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(path)
    // A full backlog or a frozen daemon is somebody, too; only a refusal proves that nobody is there.
    const deadline = clock.schedule(millis(2_000), () => settle(true))
    const settle = (answer: boolean): void => {
      deadline.cancel()
      socket.destroy()
      resolve(answer)
    }
    socket.on('connect', () => settle(true))
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
  })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // The socket is born closed to others, then opened to the group: there is no moment in which anybody may connect.
    const umask = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(umask)
    }
  })
}

/** Mode 0660, and group haclient where the system has it; without it, root alone may connect. */
function admitGroup(path: string): void {
  chmodSync(path, 0o660)
  const gid = groupId('haclient')
  if (gid === null || process.getuid?.() !== 0) return
  chownSync(path, 0, gid)
}

function groupId(name: string): number | null {
  let text: string
  try {
    text = readFileSync('/etc/group', 'utf8')
  } catch {
    return null // a system without /etc/group has no haclient either
  }
  const fields = text.split('\n').map(line => line.split(':')).find(line => line[0] === name)
  const gid = Number(fields?.[2] ?? Number.NaN)
  return Number.isInteger(gid) ? gid : null
}

async function closeAll(server: Server, visitors: ReadonlySet<Visitor>, clock: Clock): Promise<void> {
  const present = [...visitors]
  const deadline = clock.schedule(closeDeadlineMs, () => {
    for (const visitor of present) visitor.destroy()
  })
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  for (const visitor of present) visitor.dismiss()
  await Promise.all([closed, ...present.map(visitor => visitor.gone)])
  deadline.cancel()
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
