/**
 * A real disk that fails when it is told to, for tests with real queue managers: ext4 on a loop device.
 *
 * It fails by shrinking to its first blocks: the kernel refuses every write beyond them with EIO, as a broken disk does. The
 * page cache takes such a write and fsync tells the error; mounted with `sync`, write tells it. What was beyond is kept, and
 * is there again after the repair. (A loop device whose file lies on a full file system does not do: when only the first
 * part of a request could be written it reports success, so it loses what it has confirmed.)
 *
 * Needs root. What a killed test leaves behind is removed by the next one.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { command, tryCommand } from '../lab/command.js'
import { startTimeOf } from '../lab/registry.js'

interface Teardown {
  teardown(end: () => void | Promise<void>): void
}

const home = '/tmp/mqdisk'
const patienceMs = 10_000
/** What is left of a broken disk: its superblock. */
const brokenBytes = 64 * 1024
const mebibyte = 1024 * 1024

/** Why there can be no such disk on this machine, or null. `missing tool` in the reason is a failure in CI. */
export function failingDiskUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'not root: no file system can be mounted'
  const tools = { losetup: 'mount', mount: 'mount', 'mkfs.ext4': 'e2fsprogs', e2fsck: 'e2fsprogs', fsfreeze: 'util-linux' }
  for (const [tool, debianPackage] of Object.entries(tools)) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `missing tool: ${tool} (Debian package ${debianPackage})`
  }
  if (spawnSync('losetup', ['--find'], { encoding: 'utf8' }).status !== 0) return 'no loop device here'
  return null
}

let made = 0

export class FailingDisk {
  /** Where the file system is mounted. */
  readonly directory: string
  readonly #home: string
  readonly #bytes: number
  readonly #options: string
  #device = ''
  /** Each repair puts another disk with the same contents in place of the broken one. */
  #repairs = 0

  private constructor(name: string, bytes: number, options: string) {
    this.#home = path.join(home, name)
    this.#bytes = bytes
    this.#options = options
    this.directory = path.join(this.#home, 'disk')
  }

  /** @param options.mountOptions  `sync`: errors are told by write */
  static async create(test: Teardown, options: { readonly megabytes: number; readonly mountOptions?: string }): Promise<FailingDisk> {
    sweep()
    made += 1
    const name = `${process.pid}-${startTimeOf(process.pid) ?? ''}-${made}`
    const disk = new FailingDisk(name, options.megabytes * mebibyte, ['noinit_itable', options.mountOptions ?? ''].filter(word => word !== '').join())
    test.teardown(() => remove(name))
    process.once('exit', () => remove(name))
    fs.mkdirSync(disk.directory, { recursive: true })
    fs.writeFileSync(disk.#image, '')
    fs.truncateSync(disk.#image, disk.#bytes)
    await command(['mkfs.ext4', '-q', disk.#image])
    await disk.#mount()
    return disk
  }

  get #image(): string {
    return path.join(this.#home, `image${this.#repairs}`)
  }

  get #kept(): string {
    return path.join(this.#home, `image${this.#repairs + 1}`)
  }

  /** From now on it refuses what is written. Frozen while that is prepared, so that nothing is under way. */
  async break(): Promise<void> {
    await command(['fsfreeze', '--freeze', this.directory])
    try {
      await command(['cp', '--sparse=always', this.#image, this.#kept])
      fs.truncateSync(this.#image, brokenBytes)
      await command(['losetup', '--set-capacity', this.#device])
    } finally {
      await command(['fsfreeze', '--unfreeze', this.directory])
    }
  }

  /** From now on whoever writes to it waits, and cannot even be killed. */
  async hang(): Promise<void> {
    await command(['fsfreeze', '--freeze', this.directory])
  }

  async goOn(): Promise<void> {
    await command(['fsfreeze', '--unfreeze', this.directory])
  }

  /**
   * A healthy disk again: checked and mounted anew. Nothing may have files open on it. Not on the same loop device: a mount
   * namespace that somebody made meanwhile has a copy of our mount, and the device stays busy for as long as that lives.
   */
  async repair(): Promise<void> {
    const limit = performance.now() + patienceMs
    for (;;) {
      const result = await tryCommand(['umount', this.directory])
      if (result.code === 0) break
      if (performance.now() > limit) throw new Error(result.stderr)
    }
    // The first blocks are newer in the image.
    await command(['dd', `if=${this.#image}`, `of=${this.#kept}`, `count=${brokenBytes}`, 'iflag=count_bytes', 'conv=notrunc', 'status=none'])
    await command(['losetup', '--detach', this.#device])
    this.#repairs += 1
    const check = await tryCommand(['e2fsck', '-f', '-y', this.#image])
    // 1: errors corrected.
    if (check.code === null || check.code > 1) throw new Error(`e2fsck ended with ${check.code}: ${check.stdout}${check.stderr}`)
    await this.#mount()
  }

  async #mount(): Promise<void> {
    this.#device = (await command(['losetup', '--find', '--show', this.#image])).trim()
    await command(['mount', '-t', 'ext4', '-o', this.#options, this.#device, this.directory])
  }
}

/** Writes a file until its file system is full. */
export function fillUp(file: string): void {
  const bytes = fs.openSync(file, 'w')
  const piece = Buffer.alloc(mebibyte, 0x66)
  try {
    for (;;) fs.writeSync(bytes, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    fs.closeSync(bytes)
  }
}

/** Removes those whose test has ended without tidying up. */
function sweep(): void {
  for (const name of fs.existsSync(home) ? fs.readdirSync(home) : []) {
    const [pid, startTime] = name.split('-')
    if (startTimeOf(Number(pid)) !== startTime) remove(name)
  }
}

/** Synchronous, since it also runs while a process exits; may be repeated. */
function remove(name: string): void {
  const directory = path.join(home, name)
  if (!fs.existsSync(directory)) return
  const run = (file: string, ...args: string[]): string => spawnSync(file, args, { encoding: 'utf8', timeout: patienceMs }).stdout ?? ''
  run('fsfreeze', '--unfreeze', path.join(directory, 'disk'))
  for (const pid of usersOf(path.join(directory, 'disk'))) kill(pid)
  // Lazily: whoever was just killed may need a moment to let go.
  run('umount', '--lazy', path.join(directory, 'disk'))
  for (const line of run('losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE').split('\n')) {
    const [device = '', file = ''] = line.trim().split(/\s+/)
    if (file.startsWith(`${directory}/`)) run('losetup', '--detach', device)
  }
  fs.rmSync(directory, { recursive: true, force: true })
}

/** Processes with a file open below. */
function usersOf(directory: string): number[] {
  return fs.readdirSync('/proc').map(Number).filter(pid => Number.isInteger(pid) && pid !== process.pid && opens(pid, directory))
}

function opens(pid: number, directory: string): boolean {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).some(one => fs.readlinkSync(`/proc/${pid}/fd/${one}`).startsWith(`${directory}/`))
  } catch (error) {
    // It ended, or closed the file, meanwhile; or it is nothing that we may look into.
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
