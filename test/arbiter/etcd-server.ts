/**
 * A real etcd for one test: on loopback, with a data directory of its own, ended by its process id.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Test } from 'tap'
import { createArbiter } from '../../src/arbiter/etcd-arbiter.js'
import { instant, millis } from '../../src/base/units.js'
import type { ArbiterConfig, ArbiterEndpoint } from '../../src/config/types.js'
import type { Arbiter, ArbiterWord } from '../../src/port/arbiter.js'
import type { Clock } from '../../src/port/clock.js'

export const clock: Clock = {
  monotonic: () => instant(performance.now()),
  wall: () => 0,
  schedule: (delay, callback) => {
    const timer = setTimeout(callback, delay)
    return { cancel: () => clearTimeout(timer) }
  }
}

/** Why no etcd can be run on this machine, or false. */
export const noEtcd: string | false = spawnSync('etcd', ['--version']).status === 0 ? false : 'missing tool: etcd (Debian package etcd-server)'

/** Resolves when `isTrue` does, looking often; rejects with `what` after `withinMs`. */
export async function eventually(what: string, isTrue: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const until = performance.now() + withinMs
  while (!(await isTrue())) {
    if (performance.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export const endpoint = (port: number, isTls = false, host = '127.0.0.1'): ArbiterEndpoint => ({ url: `${isTls ? 'https' : 'http'}://${host}:${port}`, isTls, host, port })

export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export class EtcdServer {
  readonly directory: string
  readonly port: number
  readonly #name: string
  readonly #peers: Readonly<Record<string, string>>
  readonly #tls: TlsFiles | null
  #child: ChildProcess | null = null

  private constructor(directory: string, port: number, name: string, peers: Readonly<Record<string, string>>, tls: TlsFiles | null) {
    this.directory = directory
    this.port = port
    this.#name = name
    this.#peers = peers
    this.#tls = tls
  }

  static async start(t: Pick<Test, 'teardown'>, options: { readonly tls?: TlsFiles } = {}): Promise<EtcdServer> {
    const server = await EtcdServer.#prepare(t, 'm0', { m0: `http://127.0.0.1:${await freePort()}` }, options.tls ?? null)
    await server.begin()
    return server
  }

  /** One etcd of several members. */
  static async startCluster(t: Pick<Test, 'teardown'>, members: number): Promise<readonly EtcdServer[]> {
    const peers: Record<string, string> = {}
    for (let index = 0; index < members; index += 1) peers[`m${index}`] = `http://127.0.0.1:${await freePort()}`
    const servers: EtcdServer[] = []
    for (const name of Object.keys(peers)) servers.push(await EtcdServer.#prepare(t, name, peers, null))
    await Promise.all(servers.map(server => server.begin()))
    return servers
  }

  static async #prepare(t: Pick<Test, 'teardown'>, name: string, peers: Readonly<Record<string, string>>, tls: TlsFiles | null): Promise<EtcdServer> {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'hb-etcd-'))
    const server = new EtcdServer(directory, await freePort(), name, peers, tls)
    t.teardown(async () => {
      await server.kill()
      fs.rmSync(directory, { recursive: true, force: true })
    })
    return server
  }

  /** Whether this member leads; false when it cannot be asked. */
  async leads(): Promise<boolean> {
    const status = (await this.call('maintenance/status', {}).catch(() => ({}))) as { leader?: string; header?: { member_id?: string } }
    return status.leader !== undefined && status.leader === status.header?.member_id
  }

  get endpoint(): ArbiterEndpoint {
    return endpoint(this.port, this.#tls !== null)
  }

  async begin(): Promise<void> {
    const client = this.endpoint.url
    const peer = this.#peers[this.#name] ?? ''
    const log = fs.openSync(path.join(this.directory, 'log'), 'a')
    this.#child = spawn('etcd', [
      '--data-dir', path.join(this.directory, 'data'), '--listen-client-urls', client, '--advertise-client-urls', client,
      '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--name', this.#name,
      '--initial-cluster', Object.entries(this.#peers).map(([name, url]) => `${name}=${url}`).join(','),
      ...(this.#tls === null ? [] : ['--cert-file', this.#tls.cert, '--key-file', this.#tls.key])
    ], { stdio: ['ignore', log, log], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: this.directory } })
    fs.closeSync(log)
    await eventually('etcd has a leader', () => / became leader at term|elected leader .* at term/.test(this.log().slice(this.#logFrom)) && this.#answers())
  }

  #logFrom = 0

  log(): string {
    return fs.readFileSync(path.join(this.directory, 'log'), 'utf8')
  }

  #answers(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = net.connect(this.port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await ended
    this.#logFrom = this.log().length
  }

  /** One call of the gateway as an administrator would make it. */
  async call(call: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.endpoint.url}/v3/${call}`, {
      method: 'POST', body: JSON.stringify(body), headers: token === undefined ? {} : { authorization: token }, signal: AbortSignal.timeout(5000)
    })
    return (await response.json()) as Record<string, unknown>
  }

  async put(key: string, value: string): Promise<void> {
    await this.call('kv/put', { key: b64(key), value: b64(value) })
  }

  async get(key: string): Promise<string | null> {
    const body = (await this.call('kv/range', { key: b64(key) })) as { kvs?: readonly { value: string }[] }
    const value = body.kvs?.[0]?.value
    return value === undefined ? null : Buffer.from(value, 'base64').toString()
  }
}

export const b64 = (text: string): string => Buffer.from(text).toString('base64')

export const position = { file: 'ha.cf', line: 7, column: 1 }

export const configFor = (endpoints: readonly ArbiterEndpoint[], more: Partial<ArbiterConfig> = {}): ArbiterConfig => ({
  kind: 'etcd', endpoints, ttlMs: millis(2000), prefix: '/heartbeat/test', user: null, passwordFile: null, caFile: null, certFile: null, keyFile: null, position, ...more
})

/** An arbiter whose words are kept, closed with the test. */
export class Node {
  readonly arbiter: Arbiter
  readonly words: ArbiterWord[] = []

  constructor(t: Pick<Test, 'teardown'>, name: string, config: ArbiterConfig, generation = 1) {
    this.arbiter = createArbiter(config, { clock, node: name, generation })
    t.teardown(() => this.arbiter.close())
  }

  open(...groups: readonly string[]): this {
    this.arbiter.want(groups)
    this.arbiter.open(word => this.words.push(word))
    return this
  }

  get word(): ArbiterWord | undefined {
    return this.words.at(-1)
  }

  async hears(what: string, isTrue: (word: ArbiterWord) => boolean, withinMs = 15_000): Promise<ArbiterWord> {
    await eventually(what, () => this.word !== undefined && isTrue(this.word), withinMs)
    return this.word as ArbiterWord
  }

  holds(...groups: readonly string[]): Promise<ArbiterWord> {
    return this.hears(`holds ${groups.join(' ') || 'nothing'}`, word => word.ours.join() === [...groups].sort().join() && word.trouble === null)
  }
}
