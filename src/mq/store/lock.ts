/**
 * The exclusive lock on a queue manager's data directory: who holds it may write, everybody else is told who does.
 *
 * Node cannot lock a file, `flock` of util-linux can, and a lock of that kind belongs to the open file, not to the process
 * that asked for it. So a helper takes the lock on a descriptor it inherited from us and ends at once; from then on the
 * lock lives exactly as long as our descriptor, which no child gets (close-on-exec). SIGKILL frees it at the moment we are
 * gone; nothing of ours can hold it longer, no child's death loses it, and a frozen process keeps it.
 * A helper that holds the lock for us (`flock FILE cat` on a pipe) was the first plan; it outlives us by a moment, and for
 * as long as somebody keeps it stopped, and its own death costs us the lock.
 *
 * The file keeps 30 bytes that name the holder's host and process; they are for people and for `dspmq`, the lock alone
 * decides. The file is never removed: two processes could then hold two files of the same name. If somebody else removes
 * it, `isHeld` says so.
 *
 * Not here: what happens after the lock is lost (mq/daemon), and the right to write itself, which needs the epoch too.
 * Source: reference 8.3 (files master, active, standby), 8.6.
 */

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { HaError } from '../../base/errors.js'
import { lifeOf } from '../../process/life.js'

/** `master` is the active instance's, `standby` that of one that waits, `installation` that of who changes mqs.ini. */
export type LockFile = 'master' | 'standby' | 'installation'

export interface Holder {
  readonly host: string
  readonly processId: number
}

export interface Refused {
  readonly kind: 'refused'
  /** As the file says; null when it says nothing sensible. */
  readonly heldBy: Holder | null
}

export interface LockState {
  readonly isHeld: boolean
  /** The holder, or the last one when it did not give the lock back; else null. */
  readonly holder: Holder | null
  /** Held by a process of this host. */
  readonly isHere: boolean
}

const nameBytes = 30
const hostCharactersMax = 20
/** Exit status of flock that means: somebody else has it. */
const conflict = 9
const flockTimeoutMs = 5_000
/** Readers hold the lock for a moment, and a killed holder needs a moment to be gone. */
const retryMs = 50
const triesMin = 4
const triesWhilePassing = 40
const verifyMs = 2_000

/** `host` as it stands in lock files. */
export const lockHostName = (host: string = os.hostname()): string => host.slice(0, hostCharactersMax)

/**
 * Takes the lock and writes our name into its file. A holder that was just killed is waited for, at most 2 s.
 *
 * @param directory  the queue manager's data directory; must exist
 * @throws HaError HA_STATE_UNUSABLE when the directory cannot be written or its file system knows no locks
 */
export async function acquireLock(directory: string, file: LockFile = 'master'): Promise<Held | Refused> {
  const name = path.join(directory, file)
  const descriptor = openLockFile(name)
  let isKept = false
  try {
    for (let attempt = 1; ; attempt += 1) {
      if (await flock(descriptor, name, 'exclusive')) break
      const heldBy = readHolder(descriptor)
      // Without a living holder it is a reader that looks, a predecessor that is just dying, or a winner not yet named.
      const isPassing = heldBy === null || (heldBy.host === lockHostName() && lifeOf(heldBy.processId) !== 'alive')
      if (attempt >= (isPassing ? triesWhilePassing : triesMin)) return { kind: 'refused', heldBy }
      await pause(retryMs)
    }
    // Removed between our opening it and our locking it: then others lock another file.
    const why = lostBecause(name, descriptor)
    if (why !== null) throw unusable(name, new Error(why))
    const held = new Held(name, descriptor)
    isKept = true
    return held
  } finally {
    if (!isKept) fs.closeSync(descriptor)
  }
}

/**
 * Who holds the lock, without holding it longer than a moment and without creating the file.
 *
 * @throws HaError HA_STATE_UNUSABLE when the directory cannot be reached: then nobody can say
 */
export async function lockHolder(directory: string, file: LockFile = 'master'): Promise<LockState> {
  const name = path.join(directory, file)
  let descriptor: number
  try {
    descriptor = fs.openSync(name, fs.constants.O_RDONLY)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw unusable(name, error)
    if (!isDirectory(directory)) throw unusable(directory, error)
    return { isHeld: false, holder: null, isHere: false }
  }
  try {
    const isHeld = !(await flock(descriptor, name, 'shared'))
    const holder = readHolder(descriptor)
    return { isHeld, holder, isHere: isHeld && holder !== null && holder.host === lockHostName() }
  } finally {
    fs.closeSync(descriptor)
  }
}

/** A lock in hand. */
export class Held {
  readonly kind = 'held'
  readonly path: string
  /** Told once, when a look at the lock (every 2 s, or by `isHeld`) finds that we have it no longer. */
  onLost: ((why: string) => void) | null = null
  #descriptor: number | null
  #why: string | null = null
  readonly #watch: NodeJS.Timeout

  constructor(name: string, descriptor: number) {
    this.path = name
    this.#descriptor = descriptor
    fs.writeSync(descriptor, holderText({ host: lockHostName(), processId: process.pid }), 0, nameBytes, 0)
    this.#watch = setInterval(() => this.isHeld(), verifyMs)
    // It looks after the process, and is no reason for it to stay.
    this.#watch.unref()
  }

  /** Looks: does the kernel still show our lock, and is the file still the one of that name? Synchronous, microseconds. */
  isHeld(): boolean {
    if (this.#descriptor === null) return false
    const why = lostBecause(this.path, this.#descriptor)
    if (why === null) return true
    this.#why = why
    this.#giveUp()
    this.onLost?.(why)
    return false
  }

  /** Why it was lost; null while held, or when it was released. */
  get lostBecause(): string | null {
    return this.#why
  }

  /** Gives it back, and takes our name off. `onLost` is not told. */
  release(): void {
    this.onLost = null
    if (this.isHeld() && this.#descriptor !== null) fs.writeSync(this.#descriptor, Buffer.alloc(nameBytes, ' '), 0, nameBytes, 0)
    this.#giveUp()
  }

  #giveUp(): void {
    clearInterval(this.#watch)
    if (this.#descriptor !== null) fs.closeSync(this.#descriptor)
    this.#descriptor = null
  }
}

function lostBecause(name: string, descriptor: number): string | null {
  try {
    if (!fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1').includes('FLOCK')) return `the lock on ${name} is gone`
    const [ours, named] = [fs.fstatSync(descriptor), fs.statSync(name)]
    return ours.ino === named.ino && ours.dev === named.dev ? null : `${name} was replaced by another file`
  } catch (error) {
    // Not to be able to look is not to have it: a storage that went away answers nothing else.
    return `the lock on ${name} cannot be checked: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** True when the lock is ours now, false when somebody else's is in the way. */
async function flock(descriptor: number, name: string, how: 'exclusive' | 'shared'): Promise<boolean> {
  const result = await execa('flock', [`--${how}`, '--nonblock', '--conflict-exit-code', String(conflict), '0'], {
    // execa passes any descriptor on to the child; its types name the first ten alone.
    stdin: descriptor as 3,
    stdout: 'ignore',
    reject: false,
    timeout: flockTimeoutMs,
    forceKillAfterDelay: 500,
    maxBuffer: 4_096,
    extendEnv: false,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }
  })
  if (result.exitCode === 0) return true
  if (result.exitCode === conflict) return false
  const said = typeof result.stderr === 'string' ? result.stderr.trim() : ''
  throw new HaError('HA_STATE_UNUSABLE', `the lock on ${name} cannot be taken: ${said === '' ? result.shortMessage : said}`, {
    details: { path: name },
    cause: result
  })
}

function openLockFile(name: string): number {
  try {
    return fs.openSync(name, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o660)
  } catch (error) {
    throw unusable(name, error)
  }
}

function holderText(holder: Holder): Buffer {
  return Buffer.from(`${holder.host} ${holder.processId}`.padEnd(nameBytes - 1).slice(0, nameBytes - 1) + '\n', 'latin1')
}

function readHolder(descriptor: number): Holder | null {
  const bytes = Buffer.alloc(nameBytes)
  const length = fs.readSync(descriptor, bytes, 0, nameBytes, 0)
  const match = /^(\S{1,20}) (\d{1,9}) *\n$/.exec(bytes.toString('latin1', 0, length))
  return match === null ? null : { host: match[1] ?? '', processId: Number(match[2]) } // both groups always take part
}

function isDirectory(name: string): boolean {
  return fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

const unusable = (name: string, cause: unknown): HaError =>
  new HaError('HA_STATE_UNUSABLE', `${name} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, { details: { path: name }, cause })

const pause = async (ms: number): Promise<void> => {
  await new Promise<void>(resolve => {
    setTimeout(resolve, ms)
  })
}
