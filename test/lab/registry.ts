/**
 * Knows which laboratories exist on this machine and removes them without leaving anything behind.
 *
 * Everything a laboratory makes carries its name: a directory /tmp/hblab/NAME, network namespaces NAME-*, processes with
 * `hblab:NAME:` among their arguments, and loop devices on files in the directory. So a laboratory can be removed by
 * whoever comes later, even when the process that made it was killed with SIGKILL. Removal is synchronous, because it
 * also runs while a process exits, and may be repeated.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

export const labsDirectory = '/tmp/hblab'

export const directoryOf = (name: string): string => path.join(labsDirectory, name)

/** The argument that marks a process as part of a laboratory. */
export const markOf = (name: string, part: string): string => `hblab:${name}:${part}`

/** Notes a new laboratory; it belongs to this process until released or kept. */
export function register(name: string): string {
  const directory = directoryOf(name)
  fs.mkdirSync(directory, { recursive: true, mode: 0o755 })
  fs.writeFileSync(path.join(directory, 'owner'), `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`)
  return directory
}

/** Marks a laboratory to outlive its owner: only `remove` ends it. */
export function keep(name: string): void {
  fs.writeFileSync(path.join(directoryOf(name), 'keep'), '')
}

export function labNames(): string[] {
  return fs.existsSync(labsDirectory) ? fs.readdirSync(labsDirectory).sort() : []
}

/** Removes every laboratory whose owner is gone and that nobody asked to keep; returns their names. */
export function sweep(options: { readonly alsoKept?: boolean } = {}): string[] {
  const removed: string[] = []
  for (const name of labNames()) {
    const directory = directoryOf(name)
    const kept = fs.existsSync(path.join(directory, 'keep'))
    if (kept ? options.alsoKept !== true : ownerLives(directory)) continue
    remove(name)
    removed.push(name)
  }
  return removed
}

/** Namespaces of smaller tests carry the number of the process that made them: `agt123x4`, `hblk123a`. */
const numberedNamespace = /^(?:agt|hblk)(\d+)\D/

/** Removes the namespaces of smaller tests whose process is gone, with what runs in them; returns their names. */
export function sweepNamespaces(): string[] {
  const names = run('ip', ['netns', 'list']).split('\n').map(line => line.split(' ')[0] ?? '')
  const abandoned = names.filter(name => {
    const pid = numberedNamespace.exec(name)?.[1]
    return pid !== undefined && startTimeOf(Number(pid)) === null
  })
  for (const name of abandoned) {
    for (const pid of run('ip', ['netns', 'pids', name]).split('\n').filter(line => line !== '')) kill(Number(pid))
    run('ip', ['netns', 'delete', name])
  }
  return abandoned
}

/** Removes one laboratory: its processes, namespaces (and with them links and mounts), loop device and files. */
export function remove(name: string): void {
  for (const pid of processesOf(name)) kill(pid)
  const listed = run('ip', ['netns', 'list'])
  for (const line of listed.split('\n')) {
    const namespace = line.split(' ')[0] ?? ''
    if (namespace.startsWith(`${name}-`)) run('ip', ['netns', 'delete', namespace])
  }
  const directory = directoryOf(name)
  for (const device of loopDevicesOn(directory)) {
    // The mounts of killed nodes go away a moment after their processes; until then the device is busy, and
    // `losetup --detach` then only asks the kernel to let go later, which is just as good.
    run('losetup', ['--detach', device])
  }
  fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}

/** Host pids of all processes that carry the laboratory's mark; killing a node's pid 1 ends all others in it. */
export function processesOf(name: string): number[] {
  const mark = markOf(name, '')
  const found: number[] = []
  for (const entry of fs.readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    if (readProc(pid, 'cmdline')?.includes(mark) === true) found.push(pid)
  }
  return found
}

/** A file of /proc/PID, or null when the process is gone. */
export function readProc(pid: number, file: string): string | null {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch (error) {
    return goneOrThrow(error)
  }
}

/** Clock ticks since boot at which the process began: with the pid this names a process for ever. */
export function startTimeOf(pid: number): string | null {
  const stat = readProc(pid, 'stat')
  // The second field, the command, is in parentheses and may hold blanks; starttime is field 22.
  return stat === null ? null : (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null)
}

function ownerLives(directory: string): boolean {
  const note = path.join(directory, 'owner')
  if (!fs.existsSync(note)) return false
  const [pid, startTime] = fs.readFileSync(note, 'utf8').trim().split(' ')
  return startTimeOf(Number(pid)) === startTime
}

/** `/dev/loopN` of every loop device whose file lies in the laboratory's directory. */
function loopDevicesOn(directory: string): string[] {
  const loops = fs.readdirSync('/sys/block').filter(name => name.startsWith('loop'))
  return loops.filter(name => backingFileOf(name)?.startsWith(`${directory}/`) === true).map(name => `/dev/${name}`)
}

function backingFileOf(loop: string): string | null {
  const file = `/sys/block/${loop}/loop/backing_file`
  try {
    return fs.readFileSync(file, 'utf8').trim()
  } catch (error) {
    return goneOrThrow(error)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    goneOrThrow(error)
  }
}

/** A process may end at any moment: ENOENT and ESRCH mean that it did. */
function goneOrThrow(error: unknown): null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return null
  throw error
}

function run(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 }).stdout ?? ''
}
