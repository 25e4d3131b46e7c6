/**
 * mqprobe: does a queue manager really work? Puts a persistent message, which is answered only when it is in the recovery
 * log on disk, and gets it back. For the monitor of the cluster manager, and for people.
 *
 * A process that hangs, a disk that does not answer and a log that failed all look alive to `ps`; this tells.
 */

import crypto from 'node:crypto'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type { CommandContext } from '../../cli/context.js'
import { connect, MqError, reasons, type Connection } from '../../client/client.js'
import { layoutFrom, localFiles } from '../installation/layout.js'
import { findQueueManager, readInstallation } from '../installation/mqs-ini.js'

const probeQueue = 'SYSTEM.HEARTBEAT.PROBE'
const definition = `DEFINE QLOCAL('${probeQueue}') DESCR('Messages of mqprobe') DEFPSIST(YES) MAXDEPTH(1000)`
/** What a probe leaves behind when it is cut off is gone after so long. */
const expiryMs = 60_000
const secondsDefault = 5

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0 && seconds <= 3600)) throw new InvalidArgumentError('give seconds, up to 3600.')
  return seconds
}

/** Exit status: 0 it works, 1 it does not, 2 wrong use, 16 not known here. */
export async function mqprobe(args: readonly string[], context: CommandContext): Promise<number> {
  const command = new Command('mqprobe')
    .description('Puts a persistent message into a queue manager on this node and gets it back.')
    .argument('<queue-manager>')
    .option('--timeout <seconds>', 'how long all of it may take', parseSeconds, secondsDefault)
    .option('--json', 'one JSON object: {"ok":true,"putMs":0.4,"getMs":0.3}')
    .addHelpText('after', `\nThe message goes through ${probeQueue}, which is made when it is missing.\nExit status: 0 it works, 1 it does not (the reason is said), 2 wrong use, 16 no queue manager of this name here.`)
    .exitOverride()
    .configureOutput({ writeOut: text => context.out(text.trimEnd()), writeErr: text => context.err(text.trimEnd()) })
  try {
    command.parse(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
  const [name = ''] = command.args
  const { timeout, json } = command.opts<{ timeout: number; json?: true }>()
  const say = (result: { readonly ok: boolean; readonly text: string; readonly putMs?: number; readonly getMs?: number }): void => {
    if (json === true) context.out(JSON.stringify(result))
    else if (result.ok) context.out(result.text)
    else context.err(`mqprobe: ${result.text}`)
  }
  const layout = layoutFrom(context.env)
  const known = findQueueManager(readInstallation(layout), name)
  if (known === null) {
    say({ ok: false, text: `AMQ8118E: queue manager '${name}' is not known on this node` })
    return 16
  }
  // The library ends every wait with this; nothing here can hang for longer.
  const limit = new AbortController()
  const timer = setTimeout(() => {
    limit.abort(new Error(`no answer within ${timeout} s`))
  }, timeout * 1000)
  let connection: Connection | null = null
  try {
    connection = await connect({ address: `unix:${localFiles(layout, known.directory).socket}`, queueManager: name, application: 'mqprobe', signal: limit.signal })
    const { putMs, getMs } = await probe(connection, limit.signal)
    say({ ok: true, text: `${name} works: put in ${putMs.toFixed(1)} ms, got in ${getMs.toFixed(1)} ms`, putMs, getMs })
    return 0
  } catch (error) {
    if (!(error instanceof MqError) && !limit.signal.aborted) throw error
    say({ ok: false, text: `${name} does not work: ${(error as Error).message}` })
    return 1
  } finally {
    clearTimeout(timer)
    await connection?.close()
  }
}

async function probe(connection: Connection, signal: AbortSignal): Promise<{ readonly putMs: number; readonly getMs: number }> {
  const correlationId = crypto.randomBytes(24)
  const put = async (): Promise<void> => {
    await connection.put(probeQueue, 'probe', { persistent: true, expiryMs, correlationId, signal })
  }
  let began = performance.now()
  try {
    await put()
  } catch (error) {
    if (!(error instanceof MqError) || error.reason !== reasons.unknownObjectName) throw error
    const defined = await connection.command(definition, { signal })
    if (defined.outcome !== 'done') throw new MqError(reasons.unknownObjectName, defined.lines.join(' '))
    began = performance.now()
    await put()
  }
  const stored = performance.now()
  await using queue = await connection.openQueue(probeQueue, { input: 'shared', signal })
  const got = await queue.get({ correlationId, signal })
  if (got === null) throw new MqError(reasons.noMessageAvailable, 'the message that was put is not there')
  return { putMs: stored - began, getMs: performance.now() - stored }
}
