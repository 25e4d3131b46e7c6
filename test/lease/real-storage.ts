/** Real storage for lease areas: files, loop devices, file systems that are full or frozen. The latter need root. */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { shortDirectory } from '../control/short-directory.js'

const tools = { losetup: 'mount', mount: 'mount', 'mkfs.ext4': 'e2fsprogs', fsfreeze: 'util-linux' }

/** Why there are no loop devices for this test, or false. */
export const noLoop: string | false =
  process.getuid?.() !== 0
    ? 'not root: no loop device can be made'
    : (Object.entries(tools).flatMap(([tool, debianPackage]) => (spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0 ? [] : [`missing tool: ${tool} (Debian package ${debianPackage})`]))[0] ??
      (spawnSync('losetup', ['--find']).status === 0 ? false : 'no loop device here'))

const run = (program: string, ...args: readonly string[]): string => execFileSync(program, args, { encoding: 'utf8', timeout: 20_000 }).trim()

/** A block device over a sparse file of so many bytes. */
export function loopDevice(t: Test, options: { readonly bytes?: number; readonly directory?: string } = {}): string {
  const image = join(options.directory ?? shortDirectory(t), 'image')
  writeFileSync(image, '')
  truncateSync(image, options.bytes ?? 1024 * 1024)
  const device = run('losetup', '--find', '--show', image)
  t.teardown(() => run('losetup', '--detach', device))
  return device
}

/** A tmpfs of so many kilobytes. */
export function smallTmpfs(t: Test, kilobytes: number): string {
  const directory = shortDirectory(t)
  run('mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'lease-test', directory)
  t.teardown(() => run('umount', '--lazy', directory))
  return directory
}

/** Writes a file until nothing more fits. */
export function fillUp(directory: string): string {
  const file = join(directory, 'filler')
  const filled = spawnSync('dd', ['if=/dev/zero', `of=${file}`, 'bs=4k'], { timeout: 20_000 })
  if (filled.status === 0) throw new Error('the file system took everything')
  return file
}

/** A mounted ext4 that can be frozen: whoever writes to it then waits in the kernel. */
export function freezable(t: Test): { readonly directory: string; freeze(): void; thaw(): void } {
  const device = loopDevice(t, { bytes: 16 * 1024 * 1024 })
  run('mkfs.ext4', '-q', device)
  const directory = join(shortDirectory(t), 'mounted')
  mkdirSync(directory)
  run('mount', '-t', 'ext4', device, directory)
  t.teardown(() => run('umount', '--lazy', directory))
  let isFrozen = false
  const thaw = () => {
    if (isFrozen) run('fsfreeze', '--unfreeze', directory)
    isFrozen = false
  }
  t.teardown(thaw)
  return {
    directory,
    freeze: () => {
      run('fsfreeze', '--freeze', directory)
      isFrozen = true
    },
    thaw
  }
}

/** The flags with which this process has a file open, from the kernel. */
export function openFlagsOf(path: string): number {
  for (let descriptor = 3; descriptor < 200; descriptor++) {
    if (!existsSync(`/proc/self/fd/${descriptor}`)) continue
    if (run('readlink', `/proc/${process.pid}/fd/${descriptor}`) === path) {
      const flags = /flags:\s+([0-7]+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1]
      return Number.parseInt(flags ?? '0', 8)
    }
  }
  throw new Error(`${path} is not open here`)
}
