/**
 * `npm run demo`: a whole failover on one machine, in under a minute.
 *
 * Two nodes, a client and a switch in network namespaces, an ext4 image as the shared disk, and a group of address, file
 * system and a queue manager. A client puts five messages and gets four; the active node loses power while another client
 * goes on putting; the fifth message is found on the survivor; the first node returns and gets its group back; an operator
 * moves it by hand. The waits of the client that puts all the time are the table at the end.
 *
 * --keep leaves everything running to explore, --clean removes what --keep left. Ctrl-C cleans up at any moment.
 */

import path from 'node:path'
import { monotonicMs } from '../lab/command.js'
import { Lab, labUnavailable, projectDirectory } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import { atClient, createQueueManager, depthOf, diskMegabytes, floatingAddress, group, haresourcesOf, loadQueue, mountPoint, mqServer, queue } from '../lab/queue-manager.js'
import { sweep } from '../lab/registry.js'
import { Putter } from './putter-client.js'
import { Story } from './story.js'
import { table } from './table.js'

const patienceMs = 20_000

const haCf = `logfile /var/log/ha-log
logfacility none
keepalive 100ms
warntime 250ms
deadtime 500ms
initdead 2
udpport 694
ucast eth0 10.77.0.1
ucast eth0 10.77.0.2
bcast eth1
auto_failback on
node n1 n2
`
const authkeys = 'auth 1\n1 sha1 only-for-the-demonstration\n'

interface Row {
  readonly what: string
  readonly outageMs: number
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find(word => word !== '--keep' && word !== '--clean')
  if (unknown !== undefined) {
    console.error(`demo: unknown option ${unknown}; known are --keep and --clean`)
    return 2
  }
  if (args.includes('--clean')) {
    const removed = sweep({ alsoKept: true })
    console.log(removed.length === 0 ? 'nothing to clean up' : `removed ${removed.join(', ')}`)
    return 0
  }
  const reason = labUnavailable()
  if (reason !== null) {
    console.error(`demo: ${reason}. It needs root on Linux; run it with sudo, or in a virtual machine.`)
    return 1
  }
  const story = new Story()
  const lab = await Lab.create({ prefix: 'demo', diskMegabytes })
  try {
    await perform(lab, story)
    if (args.includes('--keep')) explainKept(lab)
    return 0
  } catch (error) {
    story.end()
    story.problem(error instanceof Error ? error.message : String(error))
    return 1
  } finally {
    story.end()
    lab.dispose()
  }
}

async function perform(lab: Lab, story: Story): Promise<void> {
  const rows: Row[] = []
  story.act('A queue manager on the shared disk: created on n1, made known to n2')
  await createQueueManager(lab, line => story.quiet(line))
  const haresources = haresourcesOf(lab)
  story.act('Two nodes, one client, one shared disk. The configuration, the same on both nodes:')
  for (const [name, text] of Object.entries({ 'ha.cf': haCf, haresources })) console.log(`\n/etc/ha.d/${name}:\n${text.replace(/^/gm, '    ').trimEnd()}`)
  for (const node of lab.nodes) node.writeConfig({ haCf, haresources, authkeys })
  story.follow(lab)

  story.act('heartbeat start, on both nodes')
  await Promise.all(lab.nodes.map(node => start(node)))
  await runs(lab, lab.n1)

  story.act(`A client that knows only ${floatingAddress}: five messages are put, four are got`)
  story.client(await sample(lab, 'amqsput', [queue], 'Hello\nThis\nis\na\ntest\n'))
  story.client(await sample(lab, 'amqsbrowse', ['--yes', '4', queue]))

  await breathe()
  story.act('n1 loses power while a client puts: cables dark, every process gone')
  const putter = Putter.start(lab, mqServer, loadQueue)
  await lab.waitFor('the client puts', () => putter.count > 0, patienceMs)
  const died = await lab.powerOff(lab.n1)
  await runs(lab, lab.n2)
  rows.push({ what: 'power loss of the active node (deadtime 500 ms)', outageMs: await putter.outageAfter(lab, died) })
  story.client(`puts are answered again, by n2, after ${ms(rows.at(-1)?.outageMs)}; "test" is still there, and then nothing (2033):`)
  story.client(await sample(lab, 'amqsbrowse', ['--yes', '1', queue]))

  await breathe()
  story.act('n1 is switched on again: auto_failback brings its group home')
  const returned = monotonicMs()
  await lab.n1.boot()
  await lab.n1.run(['mkdir', mountPoint])
  await start(lab.n1)
  await runs(lab, lab.n1)
  rows.push({ what: 'failback: the group moves home', outageMs: await putter.outageAfter(lab, returned) })

  await breathe()
  story.act('heartbeat standby, on n1: a planned switch')
  const moved = monotonicMs()
  await said(lab.n1, 'standby')
  await runs(lab, lab.n2)
  rows.push({ what: 'planned switch to the other node', outageMs: await putter.outageAfter(lab, moved) })
  const put = await putter.stop()

  story.act('What was put is what is there')
  const depth = await depthOf(lab, loadQueue)
  story.client(`${put} messages were acknowledged, ${depth} are on ${loadQueue}`)
  if (depth < put) throw new Error(`${put - depth} acknowledged messages are missing`)

  story.end()
  story.act('How long the client that puts had to wait for an answer')
  console.log(table([['what happened', 'outage'], ...rows.map(row => [row.what, ms(row.outageMs)])]))
}

/** Runs one of the sample programs at the client; what it said, on one line. */
async function sample(lab: Lab, program: string, args: readonly string[], input = ''): Promise<string> {
  return `${program} ${args.join(' ')}: ${(await atClient(lab, program, args, input)).join(' | ')}`
}

function explainKept(lab: Lab): void {
  lab.keep()
  const shell = (words: readonly string[]): string => `    ${words.join(' ')} bash`
  console.log(`
Everything is still running. To look around, as root:

  node n1:
${shell(lab.n1.entering())}
  node n2:
${shell(lab.n2.entering())}
  client (try: echo Hello | MQSERVER='${mqServer}' ${path.join(projectDirectory, 'bin/amqsput')} ${queue}):
${shell(lab.enteringClient())}

  on a node:       ${path.join(projectDirectory, 'bin/heartbeat')} status
  cut n1's cables: ip -n ${lab.name}-sw link set n1e0 down; ip -n ${lab.name}-sw link set n1e1 down
  remove it all:   npm run demo -- --clean`)
}

async function start(node: LabNode): Promise<void> {
  await said(node, 'start')
}

async function said(node: LabNode, ...words: readonly string[]): Promise<void> {
  const result = await node.heartbeat(...words)
  if (result.code !== 0) throw new Error(`heartbeat ${words.join(' ')} on ${node.name} ended with ${result.code}:\n${result.stdout}${result.stderr}`)
}

async function runs(lab: Lab, node: LabNode): Promise<void> {
  await lab.waitFor(`${node.name} runs the group`, async () => (await node.status())?.groups.find(one => one.key === group)?.here === 'running', patienceMs)
}

/** A moment to read, when somebody reads. */
const breathe = (): Promise<void> => new Promise(resolve => setTimeout(resolve, process.stdout.isTTY ? 3_000 : 0))

const ms = (value: number | undefined): string => `${Math.round(value ?? 0)} ms`

process.exitCode = await main(process.argv.slice(2))
