/** A data root of its own with real queue managers in it, for tests with the real commands. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { connect, type Connection } from '../../src/client/client.js'
import { lifeOf } from '../../src/process/life.js'
import { asAdministrator, basicEnvironment, tryCommand, type CommandResult } from '../lab/command.js'
import { projectDirectory } from '../lab/lab.js'

interface Teardown {
  teardown(end: () => void | Promise<void>): void
}

const commandLimitMs = 60_000

export class MqHost {
  readonly root: string
  readonly #test: Teardown

  /** Everything that runs in it is killed and its files are removed when the test ends. */
  constructor(test: Teardown) {
    this.#test = test
    this.root = fs.mkdtempSync(path.join(os.tmpdir(), 'mqh-'))
    test.teardown(() => {
      for (const pid of this.pids()) process.kill(pid, 'SIGKILL')
      fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    })
  }

  run(program: string, args: readonly string[], input?: string): Promise<CommandResult> {
    return tryCommand([process.execPath, path.join(projectDirectory, 'bin', program), ...args], { env: { MQ_DATA_ROOT: this.root }, timeoutMs: commandLimitMs, ...(input === undefined ? {} : { input }) })
  }

  /** As run; any end but 0 throws. */
  async do(program: string, args: readonly string[], input?: string): Promise<string> {
    const result = await this.run(program, args, input)
    if (result.code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${result.code}:\n${result.stdout}${result.stderr}`)
    return result.stdout
  }

  /** Created, with a listener on the port, and started. */
  async startedQueueManager(name: string, port: number, options: readonly string[] = []): Promise<void> {
    await this.do('crtmqm', [...options, '-p', String(port), name])
    await this.do('strmqm', [name])
  }

  /** Through the local socket. */
  async connect(directory: string, more: { readonly failover?: boolean } = {}): Promise<Connection> {
    const address = `unix:${path.join(this.root, 'sockets', directory, 'qmgr.sock')}`
    return connect(more.failover === true ? { address, failover: {} } : { address })
  }

  /** MQSC, one command. */
  async mqsc(directory: string, command: string): Promise<readonly string[]> {
    await using connection = await this.connect(directory)
    const answer = await connection.command(command)
    if (answer.outcome !== 'done') throw new Error(`${command}: ${answer.lines.join('\n')}`)
    return answer.lines
  }

  /** The process of a queue manager, or null. */
  pid(directory: string): number | null {
    const file = path.join(this.root, 'sockets', directory, 'pid')
    const pid = fs.existsSync(file) ? Number.parseInt(fs.readFileSync(file, 'utf8'), 10) : NaN
    return Number.isInteger(pid) && lifeOf(pid) === 'alive' ? pid : null
  }

  pids(): number[] {
    const home = path.join(this.root, 'sockets')
    return (fs.existsSync(home) ? fs.readdirSync(home) : []).map(directory => this.pid(directory)).filter(pid => pid !== null)
  }

  /** A command that is looked at while it runs; killed when the test ends. */
  begin(program: string, args: readonly string[]): { said(): string; readonly ended: Promise<number | null> } {
    const [file = '', ...words] = asAdministrator([process.execPath, path.join(projectDirectory, 'bin', program), ...args])
    const started = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...basicEnvironment, MQ_DATA_ROOT: this.root } })
    this.#test.teardown(() => {
      started.kill('SIGKILL')
    })
    let text = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
    }
    return { said: () => text, ended: once(started, 'close').then(([code]) => code as number | null) }
  }

  /** kill -9, and waits until the process is as good as dead; a write of it may still be under way. */
  async kill(directory: string): Promise<void> {
    const pid = this.pid(directory)
    if (pid === null) throw new Error(`${directory} does not run`)
    process.kill(pid, 'SIGKILL')
    while (this.pid(directory) !== null) await new Promise(resolve => setImmediate(resolve))
  }
}

/** A port nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** A child that is killed when the test ends; `ended` resolves with its exit status. */
export function child(test: Teardown, words: readonly string[]): { readonly pid: number; end(signal: NodeJS.Signals): void; readonly ended: Promise<number | null> } {
  const [file = '', ...args] = words
  const started = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...basicEnvironment } })
  const ended = once(started, 'exit').then(([code]) => code as number | null)
  test.teardown(() => {
    started.kill('SIGKILL')
  })
  return { pid: started.pid ?? 0, end: signal => started.kill(signal), ended }
}
