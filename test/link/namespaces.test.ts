/** The media between two real network stacks: loopback has no cable to pull, no carrier, and no second interface. */

import t, { type Test } from 'tap'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { MediumSpec } from '../../src/config/types.js'

const prefix = `hblk${process.pid}`
const program = fileURLToPath(new URL('./medium-process.ts', import.meta.url))
const position = { file: 'ha.cf', line: 1, column: 1 }
const port = 694

function ip(...args: readonly string[]): void {
  const result = spawnSync('ip', args, { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`ip ${args.join(' ')}: ${result.stderr}`)
}

/** Why this machine cannot run these tests, or false. */
function obstacle(): string | false {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  if (spawnSync('ip', ['-V']).status !== 0) return 'the command ip (iproute2) is missing'
  const tried = spawnSync('ip', ['netns', 'add', `${prefix}try`], { encoding: 'utf8' })
  if (tried.status !== 0) return `this machine gives no network namespaces: ${tried.stderr.trim()}`
  ip('netns', 'delete', `${prefix}try`)
  return false
}

/** Two namespaces joined by `links` veth pairs; interface n of a is eth<n> 10.90.<n>.1, of b eth<n> 10.90.<n>.2. */
class TwoHosts {
  readonly a: string
  readonly b: string

  constructor(t: Test, name: string, links = 1) {
    this.a = `${prefix}${name}a`
    this.b = `${prefix}${name}b`
    for (const host of [this.a, this.b]) {
      ip('netns', 'add', host)
      t.teardown(() => ip('netns', 'delete', host))
      ip('-n', host, 'link', 'set', 'lo', 'up')
    }
    for (let link = 0; link < links; link++) this.wire(link)
  }

  wire(link: number): void {
    ip('-n', this.a, 'link', 'add', `eth${link}`, 'type', 'veth', 'peer', 'name', `eth${link}`, 'netns', this.b)
    for (const [index, host] of [this.a, this.b].entries()) {
      ip('-n', host, 'addr', 'add', `10.90.${link}.${index + 1}/24`, 'brd', '+', 'dev', `eth${link}`)
      ip('-n', host, 'link', 'set', `eth${link}`, 'up')
    }
  }
}

interface Said {
  readonly event: 'heard' | 'up' | 'down' | 'refused'
  readonly link: string
  readonly from?: string
  readonly reason?: string
}

/** A medium process in a namespace, and what it said. */
class Speaker {
  readonly said: Said[] = []
  readonly #child: ChildProcess
  readonly #onSaid = new Set<() => void>()

  constructor(t: Test, host: string, name: string, ...specs: readonly MediumSpec[]) {
    const words = ['netns', 'exec', host, process.execPath, ...process.execArgv, program, name, ...specs.map(spec => JSON.stringify(spec))]
    this.#child = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => this.end())
    if (this.#child.stdout === null) throw new Error('stdout is piped')
    createInterface({ input: this.#child.stdout }).on('line', line => {
      this.said.push(JSON.parse(line) as Said)
      for (const look of [...this.#onSaid]) look()
    })
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    await new Promise<void>(resolve => {
      this.#child.once('exit', () => resolve())
      this.#child.kill('SIGKILL')
    })
  }

  /** Waits for something said from now on. */
  async next(isIt: (said: Said) => boolean, what: string, withinMs = 10_000): Promise<Said> {
    const from = this.said.length
    return this.#wait(from, isIt, what, withinMs)
  }

  /** Waits for something said at any time. */
  async ever(isIt: (said: Said) => boolean, what: string, withinMs = 10_000): Promise<Said> {
    return this.#wait(0, isIt, what, withinMs)
  }

  async #wait(from: number, isIt: (said: Said) => boolean, what: string, withinMs: number): Promise<Said> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.said.slice(from).find(isIt)
        if (found === undefined) return
        clearTimeout(deadline)
        this.#onSaid.delete(look)
        resolve(found)
      }
      const deadline = setTimeout(() => {
        this.#onSaid.delete(look)
        reject(new Error(`waited ${withinMs} ms for: ${what}; last said ${JSON.stringify(this.said.slice(-3))}`))
      }, withinMs)
      this.#onSaid.add(look)
      look()
    })
  }
}

const heard = (from: string, link = 'eth0') => (said: Said): boolean => said.event === 'heard' && said.from === from && said.link === link
const state = (event: 'up' | 'down', link = 'eth0') => (said: Said): boolean => said.event === event && said.link === link
const ucast = (link: number, host: number): MediumSpec => ({ kind: 'ucast', name: `eth${link}`, address: `10.90.${link}.${host}`, port, position })
const mcast = (link: number): MediumSpec => ({ kind: 'mcast', name: `eth${link}`, group: '239.0.0.90', port, ttl: 1, loop: false, position })

const skip = obstacle()
// Each test starts Node processes and waits for looks at the interfaces that are a second apart.
t.setTimeout(120_000)

t.test('ucast: cable cut on the far side, plugged back, interface removed and made anew -> down and up by itself', { skip }, async t => {
  const hosts = new TwoHosts(t, 'u')
  // One ha.cf for both nodes: it names both addresses.
  const a = new Speaker(t, hosts.a, 'a', ucast(0, 1), ucast(0, 2))
  const b = new Speaker(t, hosts.b, 'b', ucast(0, 1), ucast(0, 2))
  await Promise.all([a.ever(heard('b'), 'a hears b'), b.ever(heard('a'), 'b hears a')])
  t.notOk(a.said.some(heard('a')), 'a node does not send to itself')
  ip('-n', hosts.b, 'link', 'set', 'eth0', 'down')
  t.match((await a.next(state('down'), 'no carrier')).reason, /eth0 has no IPv4 address, is down, or has no carrier/)
  ip('-n', hosts.b, 'link', 'set', 'eth0', 'up')
  await Promise.all([a.next(state('up'), 'carrier'), a.next(heard('b'), 'a hears b again')])
  ip('-n', hosts.b, 'link', 'delete', 'eth0')
  await a.next(state('down'), 'the interface is gone')
  hosts.wire(0)
  await a.next(state('up'), 'the interface is back')
  await a.next(heard('b'), 'a hears b over the new interface')
  await b.next(heard('a'), 'b hears a over the new interface')
})

t.test('ucast: the peer\'s process ends -> refused at once; it returns -> heard, with no help', { skip }, async t => {
  const hosts = new TwoHosts(t, 'r')
  const a = new Speaker(t, hosts.a, 'a', ucast(0, 2))
  const first = new Speaker(t, hosts.b, 'b', ucast(0, 1))
  await a.ever(heard('b'), 'a hears b')
  await first.end()
  await a.next(said => said.event === 'refused', 'port unreachable', 2000)
  const second = new Speaker(t, hosts.b, 'b', ucast(0, 1))
  await Promise.all([a.next(heard('b'), 'a hears b again'), second.ever(heard('a'), 'b hears a')])
  t.strictSame(a.said.filter(said => said.event === 'down'), [], 'the medium never counted as broken')
})

t.test('bcast: address changed while running, interface made anew -> follows', { skip }, async t => {
  const hosts = new TwoHosts(t, 'b')
  const spec: MediumSpec = { kind: 'bcast', name: 'eth0', port, position }
  const a = new Speaker(t, hosts.a, 'a', spec)
  const b = new Speaker(t, hosts.b, 'b', spec)
  await Promise.all([a.ever(heard('b'), 'a hears b'), b.ever(heard('a'), 'b hears a'), a.ever(heard('a'), 'a hears itself')])
  for (const [index, host] of [hosts.a, hosts.b].entries()) {
    ip('-n', host, 'addr', 'flush', 'dev', 'eth0')
    ip('-n', host, 'addr', 'add', `10.91.0.${index + 1}/24`, 'brd', '+', 'dev', 'eth0')
  }
  await a.next(heard('b'), 'a hears b on the new subnet')
  await b.next(heard('a'), 'b hears a on the new subnet')
  // A send between the flush and the new address may have failed: then the medium says first that it works again.
  for (const one of [a, b]) while (one.said.findLast(said => said.event === 'up' || said.event === 'down')?.event === 'down') await one.next(state('up'), 'works with the new address')
  ip('-n', hosts.a, 'link', 'delete', 'eth0')
  await Promise.all([a.next(state('down'), 'a: gone'), b.next(state('down'), 'b: gone')])
  hosts.wire(0)
  await Promise.all([a.next(state('up'), 'a: back'), b.next(state('up'), 'b: back')])
  await a.next(heard('b'), 'a hears b over the new interface')
})

t.test('mcast: two interfaces in one group, one cut -> its link falls silent instead of hearing through the other', { skip }, async t => {
  const hosts = new TwoHosts(t, 'm', 2)
  const a = new Speaker(t, hosts.a, 'a', mcast(0), mcast(1))
  const b = new Speaker(t, hosts.b, 'b', mcast(0), mcast(1))
  await Promise.all([a.ever(heard('b', 'eth0'), 'a hears b on eth0'), b.ever(heard('a', 'eth1'), 'b hears a on eth1')])
  await a.ever(heard('b', 'eth1'), 'a hears b on eth1')
  ip('-n', hosts.b, 'link', 'set', 'eth0', 'down')
  await a.next(state('down', 'eth0'), 'a: eth0 lost its carrier')
  const from = a.said.length
  for (let more = 0; more < 20; more++) await a.next(heard('b', 'eth1'), 'b is still heard on eth1')
  t.notOk(a.said.slice(from).some(heard('b', 'eth0')), 'nothing is heard on the cut link')
  t.notOk(a.said.some(heard('a', 'eth0')), 'loop 0: a does not hear itself')
  ip('-n', hosts.b, 'link', 'delete', 'eth0')
  hosts.wire(0)
  await a.next(heard('b', 'eth0'), 'the membership is made again with the interface')
})

t.test('medium: the system refuses sending -> down with the reason, up when it is gone', { skip }, async t => {
  const hosts = new TwoHosts(t, 'f')
  const a = new Speaker(t, hosts.a, 'a', ucast(0, 2))
  const b = new Speaker(t, hosts.b, 'b', ucast(0, 1))
  await b.ever(heard('a'), 'b hears a')
  // A prohibit route answers EACCES on every machine; packet filters are not everywhere.
  ip('-n', hosts.a, 'route', 'add', 'prohibit', '10.90.0.2/32')
  const down = await a.next(state('down'), 'sending is refused')
  t.match(down.reason, /cannot send: EACCES/)
  await a.next(heard('b'), 'receiving goes on')
  ip('-n', hosts.a, 'route', 'delete', 'prohibit', '10.90.0.2/32')
  await a.next(state('up'), 'sending works again')
  await b.next(heard('a'), 'b hears a')
})
