/** A daemon for the commands' tests: the real control server, with answers of the test's making. */

import { writeFileSync } from 'node:fs'
import type { Test } from 'tap'
import type { CommandContext, Program } from '../../src/cli/context.js'
import { startControlServer } from '../../src/control/server.js'
import type { ControlReply } from '../../src/control/server.js'
import type { ControlRequest, StatusReport } from '../../src/control/protocol.js'
import { pathsFrom } from '../../src/daemon/paths.js'
import { systemClock } from '../../src/daemon/system-clock.js'
import type { Clock } from '../../src/port/clock.js'
import { shortDirectory } from '../control/short-directory.js'

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

export interface World {
  readonly context: CommandContext
  /** What the daemon was asked. */
  readonly asked: ControlRequest[]
  run(program: Program, ...args: readonly string[]): Promise<Ran>
  /** Starts the daemon's control socket. */
  serve(answer?: (request: ControlRequest, reply: ControlReply) => void): Promise<void>
  file(name: 'ha.cf' | 'haresources' | 'authkeys', text: string): void
}

export function world(t: Test, options: { readonly clock?: Clock; readonly daemon?: readonly string[] } = {}): World {
  const directory = shortDirectory(t)
  const env = { PATH: process.env['PATH'], HA_DIR: directory, HA_STATE_DIR: directory, HA_RUN_DIR: directory }
  const paths = pathsFrom(env)
  const asked: ControlRequest[] = []
  const said = { out: '', err: '' }
  const context: CommandContext = {
    env,
    paths,
    clock: options.clock ?? systemClock,
    out: line => void (said.out += `${line}\n`),
    err: line => void (said.err += `${line}\n`),
    ...(options.daemon === undefined ? {} : { daemon: options.daemon })
  }
  return {
    context,
    asked,
    async run(program, ...args) {
      said.out = ''
      said.err = ''
      return { status: await program(args, context), ...said }
    },
    async serve(answer = answerPlainly) {
      const server = await startControlServer({
        path: paths.controlSocket,
        clock: systemClock,
        onRequest(request, reply) {
          asked.push(request)
          answer(request, reply)
        }
      })
      t.teardown(() => server.close())
    },
    file: (name, text) => writeFileSync(`${directory}/${name}`, text, { mode: 0o600 })
  }
}

function answerPlainly(request: ControlRequest, reply: ControlReply): void {
  if (request.kind === 'status') reply.done({ kind: 'status', status: report() })
  else reply.done({ kind: 'done', note: `${request.kind} done` })
}

export function report(more: Partial<StatusReport> = {}): StatusReport {
  return {
    version: '0.1.0',
    pid: 4711,
    node: 'ha1',
    phase: 'active',
    uptimeMs: 190_000,
    generation: 12,
    timing: { keepaliveMs: 100, warntimeMs: 250, deadtimeMs: 500, initdeadMs: 5_000 },
    autoFailback: 'on',
    nodes: [
      { name: 'ha1', isSelf: true, state: 'active', reason: '', generation: 12, implementation: 'own', links: [{ name: 'eth0', description: 'ucast eth0 10.0.0.1', state: 'up', medium: 'bound', silenceMs: 10 }] },
      {
        name: 'ha2',
        isSelf: false,
        state: 'active',
        reason: 'heard on eth0',
        generation: 8,
        implementation: 'own',
        links: [
          { name: 'eth0', description: 'ucast eth0 10.0.0.2', state: 'up', medium: 'bound', silenceMs: 80 },
          { name: 'eth1', description: 'bcast eth1', state: 'dead', medium: 'interface is down', silenceMs: null }
        ]
      }
    ],
    groups: [{ key: '10.0.0.5/24/eth0', home: 'ha1', resources: ['10.0.0.5/24/eth0'], here: 'running', there: 'stopped', owner: 'ha1', reason: 'at home' }],
    holding: 'local',
    warnings: [],
    datagrams: { accepted: 900 },
    stalls: { count: 0, longestMs: 0, totalMs: 0, lastMs: 0, lastAgoMs: null, cause: null },
    peerStalledMs: null,
    safety: [],
    ...more
  }
}

/** The real clock, with every wait a hundred times shorter. */
export const hastyClock: Clock = { ...systemClock, schedule: (delay, callback) => systemClock.schedule((delay / 100) as typeof delay, callback) }
