/**
 * `npm run demo`: a whole failover on one machine, in under a minute.
 *
 * Two nodes, a client and a switch in network namespaces, an ext4 image as the shared disk, and a group of address, file
 * system and a small web service. The active node loses power; the other takes over; the first returns and gets its group
 * back; an operator moves it by hand. A client asks the service all the time, and its outages are the table at the end.
 *
 * --keep leaves everything running to explore, --clean removes what --keep left. Ctrl-C cleans up at any moment.
 */

import path from 'node:path'
import { monotonicMs } from '../lab/command.js'
import { Lab, labUnavailable, projectDirectory } from '../lab/lab.js'
import type { LabNode } from '../lab/node.js'
import type { Probe } from '../lab/probe.js'
import { sweep } from '../lab/registry.js'
import { Story } from './story.js'
import { table } from './table.js'

const address = '10.77.0.100'
const port = 8080
const group = `${address}/24/eth0`
/** Below /run, which each node has for itself. */
const mountPoint = '/run/shared'
const patienceMs = 15_000

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

/** A resource script as an administrator would write one: start, stop and status, and a start that returns when it serves. */
const notebookScript = `#!/bin/sh
# notebook start|stop|status: a web server for a notebook on the shared disk.
pid_file=/run/notebook.pid ready=/run/notebook.ready
running() { [ -e "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }
case $1 in
  start)
    running && exit 0
    rm -f "$ready"
    ${process.execPath} ${path.join(projectDirectory, 'dist/test/demo/notebook.js')} ${address} ${port} ${mountPoint}/notebook "$ready" >>/var/log/notebook.log 2>&1 </dev/null &
    echo $! >"$pid_file"
    tries=0
    until [ -e "$ready" ]; do
      running || exit 1
      tries=$((tries + 1))
      [ "$tries" -lt 500 ] || exit 1
      sleep 0.01
    done
    ;;
  stop)
    running || exit 0
    pid=$(cat "$pid_file")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
    rm -f "$pid_file"
    ;;
  status) if running; then echo running; else echo stopped; fi ;;
  *) echo "usage: notebook start|stop|status"; exit 2 ;;
esac
`

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
  const lab = await Lab.create({ prefix: 'demo' })
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
  const haresources = `n1 ${group} Filesystem::${lab.disk ?? ''}::${mountPoint}::ext4 notebook\n`
  story.act('Two nodes, one client, one shared disk. The configuration, the same on both nodes:')
  for (const [name, text] of Object.entries({ 'ha.cf': haCf, haresources })) console.log(`\n/etc/ha.d/${name}:\n${text.replace(/^/gm, '    ').trimEnd()}`)
  for (const node of lab.nodes) {
    node.writeConfig({ haCf, haresources, authkeys })
    node.writeScript('notebook', notebookScript)
    await node.run(['mkdir', mountPoint])
  }
  story.follow(lab)

  story.act('heartbeat start, on both nodes')
  await Promise.all(lab.nodes.map(node => start(node)))
  await runs(lab, lab.n1)
  const probe = lab.probe({ address, port, kind: 'http', everyMs: 5, thresholdMs: 40 })
  await answers(lab, probe, lab.n1)
  story.client(await page(lab))

  await breathe()
  story.act('n1 loses power: cables dark, every process gone')
  const died = await lab.powerOff(lab.n1)
  await answers(lab, probe, lab.n2)
  rows.push({ what: 'power loss of the active node (deadtime 500 ms)', outageMs: probe.longestOutageSince(died) })
  story.client(`n2 answers, after an outage of ${ms(rows.at(-1)?.outageMs)}; it has what n1 wrote:`)
  story.client(await page(lab))
  await runs(lab, lab.n2)

  await breathe()
  story.act('n1 is switched on again: auto_failback brings its group home')
  const returned = monotonicMs()
  await lab.n1.boot()
  await lab.n1.run(['mkdir', mountPoint])
  await start(lab.n1)
  await answers(lab, probe, lab.n1)
  await runs(lab, lab.n1)
  rows.push({ what: 'failback: the group moves home', outageMs: probe.longestOutageSince(returned) })

  await breathe()
  story.act('heartbeat standby, on n1: a planned switch')
  const moved = monotonicMs()
  await said(lab.n1, 'standby')
  await answers(lab, probe, lab.n2)
  rows.push({ what: 'planned switch to the other node', outageMs: probe.longestOutageSince(moved) })

  await breathe()
  story.act('heartbeat takeover, on n1: and back')
  const fetched = monotonicMs()
  await said(lab.n1, 'takeover')
  await answers(lab, probe, lab.n1)
  rows.push({ what: 'planned switch back', outageMs: probe.longestOutageSince(fetched) })
  story.client(await page(lab))
  await probe.stop()

  story.end()
  story.act('What the client missed: time without any answer, with a new connection every 5 ms')
  console.log(table([['what happened', 'outage'], ...rows.map(row => [row.what, ms(row.outageMs)])]))
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
  client (try: curl http://${address}:${port}/):
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

async function answers(lab: Lab, probe: Probe, node: LabNode): Promise<void> {
  await lab.waitFor(`${node.name} answers the client`, () => probe.answeredBy === node.name, patienceMs)
}

/** The service's page as the client sees it, on one line. */
async function page(lab: Lab): Promise<string> {
  const program = `fetch('http://${address}:${port}/').then(r => r.text()).then(t => console.log(t.trimEnd().replaceAll('\\n', ' | ')))`
  const text = await lab.atClient([process.execPath, '-e', program])
  return `http://${address}:${port}/ -> ${text.trim()}`
}

/** A moment to read, when somebody reads. */
const breathe = (): Promise<void> => new Promise(resolve => setTimeout(resolve, process.stdout.isTTY ? 3_000 : 0))

const ms = (value: number | undefined): string => `${Math.round(value ?? 0)} ms`

process.exitCode = await main(process.argv.slice(2))
