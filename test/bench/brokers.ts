/** The message brokers that are measured: ours, and for comparison Debian's RabbitMQ and ActiveMQ, all over STOMP. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export interface RunningBroker {
  readonly port: number
  readonly login: string
  readonly passcode: string
  /** The process whose memory counts. */
  readonly pid: () => number
  /** SIGKILL, then a start on the same files; resolves with the milliseconds until it accepts connections again. */
  restartAfterKill(): Promise<number>
  stop(): Promise<void>
}

export interface Broker {
  readonly name: string
  unavailable(): string | null
  /** `directory` is empty and ours. */
  start(directory: string): Promise<RunningBroker>
  destination(queue: string): string
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const startLimitMs = 60_000

async function freePort(): Promise<number> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

async function accepts(port: number): Promise<boolean> {
  const socket = net.connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
    return false
  } finally {
    socket.destroy()
  }
}

/** Waits until somebody accepts on the port; the process may not end before. */
async function untilAccepts(port: number, child: ChildProcess | null): Promise<void> {
  const until = performance.now() + startLimitMs
  while (!(await accepts(port))) {
    if (child !== null && child.exitCode !== null) throw new Error(`the broker ended with status ${child.exitCode}`)
    if (performance.now() > until) throw new Error(`nobody accepts on port ${port}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** A process and all that descend from it: brokers are started by scripts. */
export function familyOf(pid: number): number[] {
  const family = [pid]
  const parents = new Map<number, number>()
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      parents.set(Number(entry), Number(fs.readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]))
    } catch (error) {
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error // it ended meanwhile
    }
  }
  for (const one of family) for (const [child, parent] of parents) if (parent === one) family.push(child)
  return family
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = once(child, 'exit')
  for (const pid of familyOf(child.pid)) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // ended with its parent
    }
  }
  await gone
}

function launch(directory: string, command: string, args: readonly string[], environment: NodeJS.ProcessEnv): ChildProcess {
  const log = fs.openSync(path.join(directory, 'output'), 'a')
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...environment } })
  fs.closeSync(log)
  return child
}

/** A broker that one foreground command runs. */
async function foreground(port: number, account: { login: string; passcode: string }, begin: () => ChildProcess, more: readonly ChildProcess[] = []): Promise<RunningBroker> {
  let child = begin()
  await untilAccepts(port, child)
  return {
    port,
    ...account,
    pid: () => child.pid ?? 0,
    async restartAfterKill() {
      await end(child, 'SIGKILL')
      while (await accepts(port)) await new Promise(resolve => setTimeout(resolve, 1))
      const began = performance.now()
      child = begin()
      await untilAccepts(port, child)
      return performance.now() - began
    },
    async stop() {
      await end(child, 'SIGKILL')
      for (const other of more) await end(other, 'SIGKILL')
    }
  }
}

const own: Broker = {
  name: 'this project',
  unavailable: () => null,
  destination: queue => `/queue/${queue}`,
  async start(directory) {
    const port = await freePort()
    const environment = { MQ_DATA_ROOT: directory }
    const command = async (name: string, args: readonly string[], input = ''): Promise<void> => {
      const child = spawn(path.join(root, 'bin', name), args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
      let said = ''
      child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
      child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
      child.stdin.end(input)
      const [code] = (await once(child, 'close')) as [number | null]
      if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${said}`)
    }
    await command('crtmqm', ['-lf', '16384', '-p', String(port), 'BENCH'])
    await command('strmqm', ['BENCH'])
    await command('runmqsc', ['BENCH'], 'define qlocal(BENCH) maxdepth(999999999) defpsist(yes)\n')
    const pid = (): number => Number(fs.readFileSync(path.join(directory, 'sockets', 'BENCH', 'pid'), 'utf8'))
    return {
      port,
      login: '',
      passcode: '',
      pid,
      async restartAfterKill() {
        process.kill(pid(), 'SIGKILL')
        while (await accepts(port)) await new Promise(resolve => setTimeout(resolve, 1))
        const began = performance.now()
        await command('strmqm', ['BENCH'])
        await untilAccepts(port, null)
        return performance.now() - began
      },
      stop: () => command('endmqm', ['-i', 'BENCH'])
    }
  }
}

const rabbitServer = '/usr/lib/rabbitmq/bin/rabbitmq-server'
const rabbit: Broker = {
  name: 'RabbitMQ 3.10',
  unavailable: () => (fs.existsSync(rabbitServer) ? null : 'the package rabbitmq-server is not installed'),
  destination: queue => `/queue/${queue}`,
  async start(directory) {
    const [port, epmdPort, amqpPort, distPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
    fs.writeFileSync(path.join(directory, 'plugins'), '[rabbitmq_stomp].\n')
    fs.writeFileSync(path.join(directory, 'rabbitmq.conf'), `stomp.listeners.tcp.1 = 127.0.0.1:${port}\nlisteners.tcp.1 = 127.0.0.1:${amqpPort}\nlog.console = false\n`)
    const environment = {
      HOME: directory,
      ERL_EPMD_PORT: String(epmdPort),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: 'bench@localhost',
      RABBITMQ_MNESIA_BASE: path.join(directory, 'mnesia'),
      RABBITMQ_LOG_BASE: path.join(directory, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: path.join(directory, 'plugins'),
      RABBITMQ_CONFIG_FILE: path.join(directory, 'rabbitmq.conf'),
      RABBITMQ_DIST_PORT: String(distPort)
    }
    // Started here, so that it does not stay behind as a daemon of its own.
    const epmd = launch(directory, 'epmd', [], environment)
    return foreground(port, { login: 'guest', passcode: 'guest' }, () => launch(directory, rabbitServer, [], environment), [epmd])
  }
}

const activeJar = '/usr/share/activemq/bin/activemq.jar'
const active: Broker = {
  name: 'ActiveMQ 5.17',
  unavailable: () => (fs.existsSync(activeJar) ? null : 'the package activemq is not installed'),
  destination: queue => `/queue/${queue}`,
  async start(directory) {
    const port = await freePort()
    const configuration = path.join(directory, 'activemq.xml')
    fs.writeFileSync(
      configuration,
      `<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
 http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
 <broker xmlns="http://activemq.apache.org/schema/core" useJmx="false" brokerName="bench" dataDirectory="${directory}/data">
  <persistenceAdapter><kahaDB directory="${directory}/kahadb"/></persistenceAdapter>
  <transportConnectors><transportConnector name="stomp" uri="stomp://127.0.0.1:${port}"/></transportConnectors>
 </broker></beans>`
    )
    const args = ['-Xmx2g', `-Dactivemq.home=/usr/share/activemq`, `-Dactivemq.base=${directory}`, `-Dactivemq.data=${directory}/data`, '-jar', activeJar, 'start', `xbean:${configuration}`]
    return foreground(port, { login: '', passcode: '' }, () => launch(directory, 'java', args, {}))
  }
}

export const brokers: readonly Broker[] = [own, rabbit, active]
