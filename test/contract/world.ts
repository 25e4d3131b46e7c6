/**
 * A small world of its own for resource scripts: a network namespace with an interface `v0`, a mount namespace, a folder
 * for state, and a runner whose scripts run inside. Everything is removed with the test.
 *
 * The runner finds wrappers that enter the namespaces and call the real script, so that what is tested is the whole way
 * from a request to an outcome.
 */

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Test } from 'tap'
import { baseEnvironment } from '../../src/agent/environment.js'
import { projectResourceDir } from '../../src/agent/locate.js'
import { createAgentRunner } from '../../src/agent/runner.js'
import { instant, millis } from '../../src/base/units.js'
import type { AgentOperation, AgentOutcome } from '../../src/port/agent-runner.js'
import type { Clock } from '../../src/port/clock.js'

export const realClock: Clock = {
  monotonic: () => instant(performance.now()),
  wall: () => 0,
  schedule: (delay, callback) => {
    const timer = setTimeout(callback, delay)
    return { cancel: () => clearTimeout(timer) }
  }
}

/** Why namespaces cannot be made here, or false. For tap's `skip`. */
export const skipReason: string | false = process.getuid?.() === 0 ? whyNot() : 'needs root for namespaces'

export interface World {
  readonly folder: string
  /** The words before a command that run it inside. */
  readonly enter: readonly string[]
  /** Runs a shell line inside; its stdout. Throws when it fails. */
  inside(line: string): string
  /** True when a shell line inside succeeds. */
  holds(line: string): boolean
  run(type: string, args: readonly string[], operation: AgentOperation, timeoutMs?: number, variables?: Readonly<Record<string, string>>): Promise<AgentOutcome>
  /** Calls a script directly, with anything as its last words, in an environment of nothing but PATH. */
  call(type: string, words: readonly string[]): { readonly exitCode: number; readonly stdout: string }
  /** Starts a script's operation and kills its whole process group after so many milliseconds. */
  killDuring(type: string, words: readonly string[], afterMs: number): Promise<void>
}

/**
 * Ends what scripts left running in the world's network, an announcement in the background above all, and waits until it is
 * gone: one that is killed in the midst of making a file makes it yet, in a folder that is just being removed.
 */
async function endAllIn(name: string): Promise<void> {
  const end = performance.now() + endLimitMs
  for (;;) {
    const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout.split('\n').filter(line => line !== '').map(Number)
    if (pids.length === 0) return
    if (performance.now() > end) throw new Error(`still in the network namespace ${name} after SIGKILL: ${pids.join(' ')}`)
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
      }
    }
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const endLimitMs = 10_000

let worlds = 0

export function createWorld(test: Test, source: { readonly scripts: string; readonly own: boolean }): World {
  worlds += 1
  const name = `agt${process.pid}x${worlds}`
  const folder = test.testdir({ wrappers: {}, state: {}, run: {} })
  execFileSync('ip', ['netns', 'add', name])
  const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sleep', '600'], { stdio: 'ignore' })
  test.teardown(async () => {
    await endAllIn(name)
    holder.kill('SIGKILL')
    execFileSync('ip', ['netns', 'del', name])
  })
  // nsenter takes both: `ip netns exec` would leave the mount namespace again to remount /sys.
  const enter = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, `--net=/run/netns/${name}`]
  const environment: Record<string, string> = {
    ...baseEnvironment({
      haDir: '/etc/ha.d',
      stateDir: '/var/lib/heartbeat',
      runDir: join(folder, 'run'),
      node: 'alpha',
      cf: { logfile: null, debugfile: null, logfacility: null, debug: 0, recorded: {} }
    }),
    HA_RSCTMP: join(folder, 'state')
  }
  untilUnshared(holder.pid)
  const inside = (line: string): string =>
    execFileSync(enter[0] ?? '', [...enter.slice(1), '/bin/sh', '-c', line], { env: { PATH: environment['PATH'] }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  // Scripts read the carrier from /sys: mount the one of this network namespace.
  inside('mount -t sysfs agt /sys; ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip addr add 10.99.0.1/24 dev v0')

  for (const type of readdirSync(source.scripts)) {
    if (type.startsWith('.')) continue
    const wrapper = join(folder, 'wrappers', type)
    // Without the loader that a test runner slips into the environment of every child.
    writeFileSync(wrapper, `#!/bin/sh\nunset NODE_OPTIONS\nexec ${enter.join(' ')} ${join(source.scripts, type)} "$@"\n`)
    chmodSync(wrapper, 0o755)
  }
  const runner = createAgentRunner({
    clock: realClock,
    searchPath: [{ path: join(folder, 'wrappers'), style: 'r1', own: source.own }],
    environment,
    runDir: join(folder, 'run')
  })
  test.teardown(() => runner.close())
  mkdirSync(join(folder, 'mnt'), { recursive: true })

  return {
    folder,
    enter,
    inside,
    holds: line => {
      try {
        inside(line)
        return true
      } catch {
        return false
      }
    },
    run: (type, args, operation, timeoutMs = 10_000, variables = {}) =>
      runner.run(
        { resource: { word: [type, ...args].join('::'), type, args, position: { file: 'haresources', line: 1, column: 1 } }, operation, timeoutMs: millis(timeoutMs), variables },
        { signal: new AbortController().signal }
      ),
    call: (type, words) => {
      try {
        const stdout = execFileSync(join(folder, 'wrappers', type), words, { env: { PATH: environment['PATH'] }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
        return { exitCode: 0, stdout }
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string }
        return { exitCode: status, stdout }
      }
    },
    killDuring: (type, words, afterMs) =>
      new Promise(resolve => {
        const child = spawn(join(folder, 'wrappers', type), words, { env: { ...environment, HA_OP_TIMEOUT_MS: '10000' }, stdio: 'ignore', detached: true })
        child.on('exit', () => resolve())
        setTimeout(() => {
          try {
            if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // ended by itself already
          }
        }, afterMs)
      })
  }
}

export const ownScripts = { scripts: projectResourceDir(), own: true } as const
export const debianScripts = { scripts: '/etc/ha.d/resource.d', own: false } as const

/** Why a script of Debian's packages cannot be tried here, or false. */
export function skipDebian(type: string): string | false {
  if (skipReason !== false) return skipReason
  if (!existsSync(join(debianScripts.scripts, type))) return `Debian's heartbeat is not installed (no ${join(debianScripts.scripts, type)})`
  if (!existsSync('/usr/lib/ocf/resource.d/heartbeat')) return "Debian's resource-agents is not installed"
  return false
}

function whyNot(): string | false {
  try {
    execFileSync('unshare', ['-m', '-n', 'ip', 'link', 'show', 'lo'], { stdio: 'ignore' })
    return false
  } catch (error) {
    return `namespaces cannot be made here (${(error as Error).message})`
  }
}

/** Waits until the holder has its own mount namespace; a few milliseconds. */
function untilUnshared(pid: number | undefined): void {
  const end = performance.now() + 5000
  const own = execFileSync('readlink', ['/proc/self/ns/mnt'], { encoding: 'utf8' })
  while (execFileSync('readlink', [`/proc/${pid}/ns/mnt`], { encoding: 'utf8' }) === own) {
    if (performance.now() > end) throw new Error('the mount namespace was not made within 5 s')
  }
}
