/**
 * `heartbeat lease create`: looks twice before it writes once.
 *
 * Order: configuration, storage, what stands there, whether somebody is writing it; then zeros over the whole area with the
 * header's place first, so that a half-made area is none; the header last; and all of it read back.
 */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, realpath, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HaError } from '../base/errors.js'
import { millis, type Millis } from '../base/units.js'
import { DirectDisk, faultOf } from '../lease-disk/direct-disk.js'
import { hostView } from '../lease-disk/host-view.js'
import { OneShotDisk, pause } from '../lease-disk/one-shot.js'
import { judgeStorage } from '../lease-disk/storage.js'
import { contentBytes, contentOf, type Content } from '../lease/content.js'
import { areaBytes, headerPlace, lookBytes, nodeSlotBytes } from '../lease/layout.js'
import { decodeHeader, encodeHeader, type AreaHeader } from '../lease/records.js'
import type { CommandContext } from './context.js'
import { reportFailure } from './exit-codes.js'
import { endIfHanging, withinLimit } from './lease-hang.js'
import { answerWithin, leaseSetup, type LeaseSetup } from './lease-words.js'

interface CreateOptions {
  readonly time?: Millis
  readonly force: boolean
  readonly forceUnshared: boolean
  readonly json: boolean
}

const refused = (text: string): HaError => new HaError('HA_LEASE_REFUSED', text)

export async function leaseCreate(context: CommandContext, given: string | undefined, options: CreateOptions): Promise<number> {
  try {
    const setup = await leaseSetup(context, given)
    const isUnshared = await withinLimit(context, setup.path, checkStorage(setup.path, options))
    const isNew = await checkContent(context, setup, options)
    if (isNew) await withinLimit(context, setup.path, makeFile(setup.path))
    const { cf, keys } = setup.configuration
    const [first = '', second = ''] = cf.nodes
    const header: AreaHeader = { area: randomBytes(16), nodes: [first, second], leaseMs: options.time ?? setup.leaseMs, createdAt: context.clock.wall(), isUnsharedAllowed: isUnshared }
    await write(context, setup.path, encodeHeader(header, keys))
    say(context, setup, header, options)
    return 0
  } catch (error) {
    return reportFailure(error, context, options)
  }
}

/** @returns whether only this machine sees it, which was accepted */
async function checkStorage(path: string, options: CreateOptions): Promise<boolean> {
  let verdict = await judgeStorage(path, hostView)
  if (verdict.kind === 'missing') {
    if (/^\/dev\//.test(path)) throw refused(`there is no ${path}: no such device; look with lsblk`)
    const folder = await judgeStorage(dirname(path), hostView)
    if (folder.kind === 'missing') throw refused(`there is no directory ${dirname(path)}`)
    verdict = { ...folder, what: folder.what.replace(dirname(path), path) }
  }
  if (verdict.kind === 'mirrored') throw refused(`${verdict.what}; ${verdict.why}`)
  if (verdict.kind === 'unshared' && !options.forceUnshared) throw refused(`${verdict.what}; ${verdict.why}. For tests on one machine: --force-unshared`)
  return verdict.kind === 'unshared'
}

/** Throws when something stands there that must not be overwritten. @returns whether a file is to be made */
async function checkContent(context: CommandContext, setup: LeaseSetup, options: CreateOptions): Promise<boolean> {
  const bytes = await withinLimit(context, setup.path, beginningOf(setup.path))
  if (bytes === null) return true
  const content = contentOf(bytes, setup.configuration.keys)
  const words = contentWords(content)
  if (content.kind !== 'zero' && !options.force) throw refused(`${setup.path} holds ${words}; nothing was written. To overwrite it: --force`)
  if (content.kind !== 'area') return false
  // Somebody else's clocks may be slow: two renewals of the slowest.
  await pause(context.clock, 1100)
  const later = await withinLimit(context, setup.path, beginningOf(setup.path))
  if (later !== null && !later.subarray(headerPlace.to, lookBytes).equals(bytes.subarray(headerPlace.to, lookBytes))) {
    throw refused(`${setup.path} holds ${words}, and its sectors move: a daemon is using it. Stop heartbeat on ${content.header.nodes.join(' and ')} first`)
  }
  return false
}

function contentWords(content: Content): string {
  switch (content.kind) {
    case 'zero':
      return 'nothing'
    case 'area': {
      const { nodes, createdAt } = content.header
      const whose = content.isOurs ? 'the lease area' : 'a lease area, signed with a key that authkeys does not have,'
      return `${whose} of ${nodes.join(' and ')}, made ${new Date(createdAt).toISOString()}`
    }
    case 'known':
      return content.what
    case 'data':
      return 'data of unknown kind'
  }
}

/** The first MiB, or null when there is no file. O_EXCL finds out whether a block device is in use. */
async function beginningOf(path: string): Promise<Buffer | null> {
  try {
    const found = await stat(path)
    const isBlock = found.isBlockDevice()
    const handle = await openDirect(path, isBlock ? constants.O_RDWR | constants.O_EXCL : constants.O_RDWR)
    try {
      // The memory of a WebAssembly module is aligned as O_DIRECT wants it.
      const memory = new WebAssembly.Memory({ initial: contentBytes / 65_536, maximum: contentBytes / 65_536 })
      const buffer = Buffer.from(memory.buffer)
      const { bytesRead } = await handle.read(buffer, 0, contentBytes, 0)
      if (isBlock && bytesRead < areaBytes) throw refused(`${path} has only ${bytesRead} bytes; a lease area needs ${areaBytes}`)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof HaError || !(error instanceof Error) || !('code' in error)) throw error
    if (error.code === 'ENOENT') return null
    if (error.code === 'EBUSY') throw refused(`${path} is in use: mounted, or part of something that is (look with lsblk); nothing was written`)
    throw new HaError('HA_LEASE_UNUSABLE', `${path}: ${faultOf(error as NodeJS.ErrnoException).reason}`, { cause: error })
  }
}

/** Past the page cache where that can be: on a shared file system it may be older than what the other node wrote. */
async function openDirect(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags | constants.O_DIRECT)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return await open(path, flags)
    throw error
  }
}

/** TypeScript knows it as part of a browser only. */
declare const WebAssembly: { readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer } }

async function makeFile(path: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.write(Buffer.alloc(areaBytes), 0, areaBytes, 0)
    await handle.sync()
  } finally {
    await handle.close()
  }
  const folder = await open(dirname(await realpath(path)), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function write(context: CommandContext, path: string, header: Uint8Array): Promise<void> {
  await withinLimit(context, path, makeLongEnough(path))
  const disk = new OneShotDisk(new DirectDisk(path), { clock: context.clock, limitMs: answerWithin })
  try {
    const note = await disk.open()
    if (note !== null) context.err(`note: ${note}`)
    for (let at = 0; at < areaBytes; at += nodeSlotBytes) await disk.write(at, Buffer.alloc(nodeSlotBytes))
    await disk.write(headerPlace.from, header)
    const back = await disk.look()
    const isRight = back.subarray(0, headerPlace.to).equals(header) && back.subarray(headerPlace.to).every(byte => byte === 0)
    if (!isRight || !decodeHeader(back.subarray(0, headerPlace.to), null).ok) throw new HaError('HA_LEASE_UNUSABLE', `${path}: what was written does not come back`)
  } finally {
    await disk.close()
    endIfHanging(disk)
  }
}

async function makeLongEnough(path: string): Promise<void> {
  const file = await stat(path)
  if (!file.isFile() || file.size >= areaBytes) return
  const handle = await open(path, 'r+')
  try {
    await handle.write(Buffer.alloc(areaBytes), 0, areaBytes, 0) // no holes: a full disk is to be noticed now
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function say(context: CommandContext, setup: LeaseSetup, header: AreaHeader, options: CreateOptions): void {
  const { path } = setup
  if (options.json) {
    context.out(JSON.stringify({ ok: true, path, area: Buffer.from(header.area).toString('hex'), nodes: header.nodes, leaseMs: header.leaseMs, isUnsharedAllowed: header.isUnsharedAllowed }))
    return
  }
  context.out(`made the lease area of ${header.nodes.join(' and ')} at ${path}`)
  if (header.isUnsharedAllowed) context.out('WARNING: only this machine sees it; it protects nothing, and is good for tests only')
  const { lease } = setup.configuration.cf
  if (lease?.path !== path) context.out(`next, on both nodes: write \`lease ${path} ${millis(header.leaseMs) / 1000}s\` into ha.cf`)
  context.out('next, on both nodes: heartbeat lease test')
}
