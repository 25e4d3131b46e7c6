/**
 * What `heartbeat check` says about ping nodes: whether there is a `ping`, whether the addresses stand for the network at
 * all, and whether they answer now. Three pings each, all at once, about a second in all.
 */

import { spawn } from 'node:child_process'
import { millis } from '../base/units.js'
import { canonical, parseIp } from '../config/address.js'
import { Findings } from '../config/diagnostics.js'
import type { ConnectivityConfig, Diagnostic, PingTarget } from '../config/types.js'
import type { Clock } from '../port/clock.js'
import { isAnswer } from './pinger.js'

export interface ConnectivityCheckOptions {
  readonly clock: Clock
  /** Addresses of this host, as text. */
  readonly own: readonly string[]
  /** Addresses that move with the groups, as text. */
  readonly floating: readonly string[]
}

type Tried = 'answers' | 'silent' | 'no-ping'

const limitMs = millis(3000)

export async function checkConnectivity(config: ConnectivityConfig, options: ConnectivityCheckOptions): Promise<readonly Diagnostic[]> {
  const findings = new Findings()
  const addresses = [...new Set(config.targets.flatMap(target => target.addresses))]
  const tried = new Map(await Promise.all(addresses.map(async address => [address, await tryPing(address, options.clock)] as const)))
  const [first] = config.targets
  if (first !== undefined && [...tried.values()].includes('no-ping')) {
    findings.error(first.position, { what: 'the program `ping` is missing', why: 'ping nodes are watched with it, and would all count as silent', fix: 'on Debian: apt-get install iputils-ping' })
    return findings.inOrder()
  }
  const [own, floating] = [new Set(options.own.map(spelled)), new Set(options.floating.map(spelled))]
  for (const target of config.targets) {
    for (const address of target.addresses) {
      if (floating.has(spelled(address))) {
        findings.warning(target.position, { what: `${address} moves with a resource group`, why: 'the node that holds it always reaches it', fix: 'ping a router or switch instead' })
      } else if (own.has(spelled(address))) {
        findings.warning(target.position, { what: `${address} is an address of this host`, why: 'it answers here with or without a network', fix: 'ping a router or switch instead' })
      }
    }
    reportSilent(target, target.addresses.filter(address => tried.get(address) !== 'answers'), findings)
  }
  return findings.inOrder()
}

function reportSilent(target: PingTarget, silent: readonly string[], findings: Findings): void {
  if (silent.length === target.addresses.length) {
    findings.warning(target.position, {
      what: target.kind === 'node' ? `${target.name} does not answer pings` : `nobody in the group ${target.name} answers pings`,
      why: 'it counts as silent, and a node that stands alone may have to give up its groups',
      fix: 'check the address and the cable, or name something that answers pings'
    })
  } else if (silent.length > 0) {
    findings.info(target.position, { what: `${silent.join(', ')} of the group ${target.name} does not answer pings`, why: 'the group is reached as long as one member answers', fix: 'check it when convenient' })
  }
}

const spelled = (text: string): string => {
  const ip = parseIp(text)
  return ip === null ? text : canonical(ip)
}

/** Always resolves, after `limitMs` at the latest. */
function tryPing(address: string, clock: Clock): Promise<Tried> {
  return new Promise(resolve => {
    const child = spawn('ping', ['-n', '-c', '3', '-i', '0.2', '-W', '1', address], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      said = (said + piece).slice(0, 4096)
    })
    const timer = clock.schedule(limitMs, () => child.kill('SIGKILL'))
    const done = (tried: Tried): void => {
      timer.cancel()
      resolve(tried)
    }
    child.once('error', () => done('no-ping'))
    child.once('close', () => done(said.split('\n').some(line => isAnswer(line, limitMs)) ? 'answers' : 'silent'))
  })
}
