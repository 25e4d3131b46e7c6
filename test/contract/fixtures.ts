/** What several contract tests prepare for their scripts. */

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { World } from './world.js'

/** An ext4 file system on a loop device of its own, detached with the test. */
export function loopDevice(world: World, test: Test): string {
  const image = join(world.folder, 'disk.img')
  execFileSync('truncate', ['-s', '16M', image])
  execFileSync('mkfs.ext4', ['-q', image])
  const device = execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim()
  test.teardown(() => execFileSync('losetup', ['-d', device]))
  return device
}
