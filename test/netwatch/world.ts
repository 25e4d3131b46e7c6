/**
 * A host with a neighbour, for the network watch: `v0` here, `v1` with a stranger in a network namespace of its own, and
 * a watch whose commands run inside. Built on the world of the resource scripts.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Test } from 'tap'
import { projectResourceDir } from '../../src/agent/locate.js'
import { millis } from '../../src/base/units.js'
import { HostNetworkWatch } from '../../src/netwatch/watch.js'
import type { ResourceGroup } from '../../src/config/types.js'
import { createWorld, ownScripts, realClock, type World } from '../contract/world.js'

export interface Note {
  readonly level: string
  readonly text: string
}

export interface WatchedHost extends NeighbouredWorld {
  readonly watch: HostNetworkWatch
  readonly notes: Note[]
  /** What was told of the carrier of group 0, in order. */
  readonly carrier: (string | null)[]
  start(index?: number): Promise<void>
  stop(index?: number): Promise<void>
  /** Waits for a note; its text. */
  noted(pattern: RegExp, times?: number): Promise<string>
  /** Waits for the packets that match, as the neighbour's tcpdump prints them. */
  heard(pattern: RegExp, times?: number): Promise<void>
}

export const service = '10.99.0.5'

export interface NeighbouredWorld {
  readonly world: World
  /** Runs a shell line at the neighbour. */
  stranger(line: string): string
  strangerMac(): string
}

/** `v0` (10.99.0.1/24) here, `v1` in a network namespace of a stranger. */
export function neighbouredWorld(test: Test): NeighbouredWorld {
  const world = createWorld(test, ownScripts)
  const own = world.enter.find(word => word.startsWith('--net='))?.split('/').at(-1) ?? ''
  const neighbour = `${own}s`
  execFileSync('ip', ['netns', 'add', neighbour])
  test.teardown(() => execFileSync('ip', ['netns', 'del', neighbour]))
  world.inside('ip link del v0')
  execFileSync('ip', ['-n', neighbour, 'link', 'add', 'v1', 'type', 'veth', 'peer', 'name', 'v0', 'netns', own])
  execFileSync('ip', ['-n', neighbour, 'link', 'set', 'v1', 'up'])
  world.inside('ip link set v0 up; ip addr add 10.99.0.1/24 dev v0')
  const stranger = (line: string): string => execFileSync('ip', ['netns', 'exec', neighbour, '/bin/sh', '-c', line], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return { world, stranger, strangerMac: () => stranger('cat /sys/class/net/v1/address').trim() }
}

/** A group is a list of words of haresources, each `IPaddr2` with one argument. */
export function watchedHost(test: Test, specs: readonly string[] = [`${service}/24/v0`], options: { readonly prepare?: (world: World) => void; readonly listen?: string } = {}): WatchedHost {
  const { world, stranger, strangerMac } = neighbouredWorld(test)
  options.prepare?.(world)

  const programs = join(world.folder, 'programs')
  mkdirSync(programs)
  const wrap = (name: string, command: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\nexec ${world.enter.join(' ')} ${command} "$@"\n`)
    chmodSync(join(programs, name), 0o755)
  }
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  wrap('ip', `env PATH=${path} ip`)
  for (const script of ['.announce.sh', '.probe.sh', 'IPaddr2']) wrap(script, join(projectResourceDir(), script))

  const group: ResourceGroup = {
    key: specs[0] ?? '',
    home: 'alpha',
    resources: specs.map(spec => ({ word: spec, type: 'IPaddr2', args: [spec], position: { file: 'haresources', line: 1, column: 1 } })),
    position: { file: 'haresources', line: 1, column: 1 }
  }
  const notes: Note[] = []
  const carrier: (string | null)[] = []
  const watch = new HostNetworkWatch({
    clock: realClock,
    groups: [group],
    agents: { run: async request => world.run(request.resource.type, request.resource.args, request.operation) },
    environment: { PATH: `${programs}:${path}`, LC_ALL: 'C' },
    projectResourceDir: programs,
    carrierReturnMs: millis(300)
  })
  test.teardown(async () => {
    watch.close()
    await watch.idle()
  })
  const trace = join(world.folder, 'trace')
  if (options.listen !== undefined) {
    stranger(`timeout 100 tcpdump -U -lni v1 '${options.listen}' >${trace} 2>${trace}.err & while ! grep -q listening ${trace}.err; do sleep 0.01; done`)
  }
  watch.open({
    onCarrier: (index, trouble) => {
      if (index === 0) carrier.push(trouble)
    },
    onNote: (level, text) => notes.push({ level, text })
  })
  const specOf = (index: number): string => specs[index] ?? ''
  const operate = async (index: number, operation: 'start' | 'stop'): Promise<void> => {
    await watch.began(0, index, operation)
    const outcome = await world.run('IPaddr2', [specOf(index)], operation)
    watch.ended(0, index, operation, outcome.kind)
    test.equal(outcome.kind, 'ok', `${operation} of ${specOf(index)}`)
  }
  return {
    world,
    watch,
    notes,
    carrier,
    stranger,
    strangerMac,
    start: (index = 0) => operate(index, 'start'),
    stop: (index = 0) => operate(index, 'stop'),
    noted: async (pattern, times = 1) => {
      const found = (): Note[] => notes.filter(note => pattern.test(note.text))
      await until(`${times} notes like ${String(pattern)}`, () => found().length >= times, () => JSON.stringify(notes))
      return found().at(-1)?.text ?? ''
    },
    heard: (pattern, times = 1) => {
      const read = (): string => readFileSync(trace, 'utf8')
      return until(`${times} packets like ${String(pattern)}`, () => read().split('\n').filter(line => pattern.test(line)).length >= times, read)
    }
  }
}

/** Waits until something is true; `story` is told when it is not in time. */
export async function until(what: string, condition: () => boolean, story: () => string = () => ''): Promise<void> {
  const end = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited 20 s for ${what}: ${story()}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
