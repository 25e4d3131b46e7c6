/**
 * Who this node is, and which life of its daemon this is: Linux-HA's own two state files, in its own format, so that a
 * node may change between the two daemons without being taken for a replay or for a stranger.
 *
 *   hb_generation   16 bytes: the number, decimal, right-aligned in 15 characters, and LF
 *   hb_uuid         16 raw bytes
 *
 * The generation is what peers tell a new life from a replay by: they drop everything that carries a smaller one than they
 * have seen. So it is counted up and on the disk before it is used; after a crash in between, a number is skipped at most.
 *
 * Invariants
 *  1. What `nextGeneration` returned was durable before it returned, and the next call returns a larger number.
 *  2. A file is replaced whole: write beside it, fsync, rename, fsync of the directory.
 *
 * These calls wait for the disk. They happen once, before the first datagram of a life.
 * Not here: what is remembered of the peer (memory.ts). Source: reference on Linux-HA 3.0.6, sections 2.1 and 2.8.
 * We differ in one way: a broken hb_generation restarts from the time of day, where Linux-HA restarts from 1.
 */

import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { HaError } from '../base/errors.js'

const generationDigits = 15
const uuidBytes = 16

export interface Generation {
  readonly generation: number
  /** What an operator should know, e.g. that there was no previous generation; null when all was as it should be. */
  readonly note: string | null
}

/**
 * Takes the generation of this life. Throws HaError HA_STATE_UNUSABLE when it cannot be made durable: a daemon that may use
 * the same generation twice must not start.
 *
 * @param options.wallMs  time of day, in ms since 1970; only for a node whose previous generation is not known
 */
export function nextGeneration(stateDir: string, options: { readonly wallMs: number }): Generation {
  const path = join(stateDir, 'hb_generation')
  const previous = readGeneration(readAtMost(path, 256))
  // A count that began at the time of day and grows by one a start stays behind the time of day, so this is larger than
  // what peers saw. From 1 they would drop everything we say as a replay, and take us for dead.
  const fresh = Math.floor(options.wallMs / 1000) + 1
  switch (previous.kind) {
    case 'known':
      replaceFile(stateDir, path, formatGeneration(previous.generation + 1))
      return { generation: previous.generation + 1, note: null }
    case 'missing':
      replaceFile(stateDir, path, formatGeneration(fresh))
      return { generation: fresh, note: `No Previous generation - starting at ${fresh}` } // Linux-HA's words, which people search for
    case 'broken':
      replaceFile(stateDir, path, formatGeneration(fresh))
      return { generation: fresh, note: `BROKEN previous generation - ${path} holds ${previous.shown}; starting at ${fresh}` }
  }
}

/**
 * This node's UUID, made when there is none. Throws HaError HA_STATE_UNUSABLE.
 *
 * @param options.onNote  told when a file that makes no sense was replaced: peers will say that the node changed its uuid
 */
export function nodeUuid(stateDir: string, options: { readonly onNote?: (note: string) => void } = {}): Uint8Array {
  const path = join(stateDir, 'hb_uuid')
  const found = readAtMost(path, 256)
  if (found !== null && found.length === uuidBytes && found.some(byte => byte !== 0)) return new Uint8Array(found)
  const uuid = Buffer.from(randomUUID().replaceAll('-', ''), 'hex')
  replaceFile(stateDir, path, uuid)
  if (found !== null) options.onNote?.(`${path} held ${found.length} bytes that are no UUID; this node has a new one`)
  return new Uint8Array(uuid)
}

type Previous =
  | { readonly kind: 'known'; readonly generation: number }
  | { readonly kind: 'missing' }
  | { readonly kind: 'broken'; readonly shown: string }

function readGeneration(content: Buffer | null): Previous {
  if (content === null) return { kind: 'missing' }
  const text = content.toString('latin1')
  const number = /^ *([0-9]{1,15})\n?$/.exec(text)?.[1]
  const generation = Number(number)
  // The largest number has no next one in 15 digits.
  if (number === undefined || String(generation + 1).length > generationDigits) return { kind: 'broken', shown: JSON.stringify(text.slice(0, 40)) }
  return { kind: 'known', generation }
}

const formatGeneration = (generation: number): Buffer => Buffer.from(`${String(generation).padStart(generationDigits)}\n`, 'latin1')

/** The first bytes of a file, or null when there is none. */
function readAtMost(path: string, bytesMax: number): Buffer | null {
  return usable(path, 'read', () => {
    let file: number
    try {
      file = openSync(path, 'r')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      throw error
    }
    try {
      const buffer = Buffer.alloc(bytesMax)
      return buffer.subarray(0, readSync(file, buffer, 0, bytesMax, 0))
    } finally {
      closeSync(file)
    }
  })
}

/** Replaces a file so that after a crash either the old or the new content is there, and after return the new one. */
function replaceFile(directory: string, path: string, content: Uint8Array): void {
  usable(path, 'write', () => {
    mkdirSync(directory, { recursive: true, mode: 0o755 })
    const beside = `${path}.new`
    withFile(beside, 'w', file => {
      let written = 0
      while (written < content.length) written += writeSync(file, content, written)
      fsyncSync(file)
    })
    renameSync(beside, path)
    withFile(directory, 'r', fsyncSync)
  })
}

function withFile(path: string, flags: string, work: (file: number) => void): void {
  const file = openSync(path, flags, 0o644)
  try {
    work(file)
  } finally {
    closeSync(file)
  }
}

/** Runs disk work; what the system refuses becomes a sentence for the operator. */
function usable<T>(path: string, verb: 'read' | 'write', work: () => T): T {
  try {
    return work()
  } catch (error) {
    const code = errnoOf(error)
    if (code === null) throw error
    const message = `cannot ${verb} ${path}: ${adviceByCode[code] ?? code}. This node's generation must be on the disk before it speaks; nothing was started`
    throw new HaError('HA_STATE_UNUSABLE', message, { details: { path, errno: code }, cause: error })
  }
}

const adviceByCode: Readonly<Record<string, string>> = {
  EROFS: 'the file system is read-only; mount it writable, or set HA_STATE_DIR to a directory that is',
  ENOSPC: 'the disk is full; make room',
  EDQUOT: 'the disk quota is used up; make room',
  EACCES: 'permission denied; run as root, or correct the owner and mode',
  EPERM: 'not permitted; is the file immutable (lsattr)?',
  ENOTDIR: 'a part of the path is no directory',
  EEXIST: 'the state directory is a file',
  EISDIR: 'it is a directory; remove it',
  EIO: 'the disk reports an input/output error; look at the kernel log'
}

function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}
