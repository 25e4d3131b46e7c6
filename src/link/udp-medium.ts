/**
 * One medium of ha.cf, kept working for as long as the daemon lives.
 *
 * Once a second it looks whether the interface is there with the same address. What is missing is opened, what the world
 * changed is opened again, and the caller hears of it only when the medium starts or stops working:
 *
 *     interface gone, or no carrier   → down; the sockets stay, for a cable that is plugged back works at once
 *     interface back, address changed → sockets opened again
 *     sending fails                   → down; the sending socket is opened again each second until a send succeeds
 *     "port unreachable"              → onRefused, and the datagram it cost us is sent again
 *
 * Invariants
 *  1. `send` never throws and never waits; what was not sent is counted.
 *  2. `up` and `down` alternate. After `close` no callback is made.
 *
 * Not here: whether the peer is heard on this link (membership/). First callbacks may come during `open`.
 */

import type { MediumSpec } from '../config/types.js'
import { millis } from '../base/units.js'
import type { Clock, Scheduled } from '../port/clock.js'
import type { Medium, MediumHandlers } from '../port/medium.js'
import { chooseAddress, isInSubnet, isOwnAddress, listInterfaces, type InterfaceTable, type LocalAddress } from './address.js'
import { describeSpec, planSockets, type SocketPlan } from './plan.js'
import { ReceiverPool, type Lease, type Listener } from './receiver-pool.js'
import { UdpSocket } from './udp-socket.js'

export interface LinkOptions {
  readonly clock: Clock
  /** os.networkInterfaces */
  readonly interfaces: () => InterfaceTable
}

/** What became of the datagrams of one medium since it was opened. */
export interface MediumCounters {
  sent: number
  /** Not sent: the medium was down, or the system refused. */
  unsent: number
  received: number
  /** Multicast heard here although it belongs to another interface of the same group. */
  strayed: number
  refused: number
}

export const lookEveryMs = millis(1000)
/** Full queues pass by themselves; so many failures in a row do not. Linux-HA warns at the same number. */
const transientMax = 10
const transientCodes: ReadonlySet<string> = new Set(['ENOBUFS', 'EAGAIN', 'ENOMEM'])

export class UdpMedium implements Medium {
  readonly name: string
  readonly description: string
  readonly counters: MediumCounters = { sent: 0, unsent: 0, received: 0, strayed: 0, refused: 0 }
  readonly #spec: MediumSpec
  readonly #options: LinkOptions
  readonly #pool: ReceiverPool
  /** Other interfaces with the same multicast group, and their addresses when last looked at. */
  readonly #siblings: readonly string[]
  #siblingAddresses: readonly LocalAddress[] = []
  #handlers: MediumHandlers | null = null
  #timer: Scheduled | null = null
  #local: LocalAddress | null = null
  #plan: SocketPlan | null = null
  #receiver: Lease | null = null
  #sender: UdpSocket | null = null
  /** Why the medium cannot work, by the part that is missing; null when that part is well. */
  #absence: string | null = 'the interfaces of this host cannot be listed'
  #receiveTrouble: string | null = null
  #sendTrouble: string | null = null
  #sendFailures = 0
  #reported: 'up' | 'down' | null = null

  constructor(spec: MediumSpec, options: LinkOptions, shared: { readonly pool: ReceiverPool; readonly siblings: readonly string[] }) {
    this.name = spec.name
    this.description = describeSpec(spec)
    this.#spec = spec
    this.#options = options
    this.#pool = shared.pool
    this.#siblings = shared.siblings
  }

  open(handlers: MediumHandlers): void {
    this.#handlers = handlers
    this.#look()
  }

  send(payload: Uint8Array): void {
    if (this.#sender === null || this.#plan === null) {
      this.counters.unsent += 1
      return
    }
    this.#sendBy(this.#sender, this.#plan, payload, true)
  }

  async close(): Promise<void> {
    this.#handlers = null
    this.#timer?.cancel()
    this.#timer = null
    const receiver = this.#receiver
    const sender = this.#sender
    this.#receiver = null
    this.#sender = null
    await Promise.all([
      new Promise<void>(resolve => (receiver === null ? resolve() : receiver.release(resolve))),
      new Promise<void>(resolve => (sender === null ? resolve() : sender.close(resolve)))
    ])
  }

  /** The look of every second: is everything as it was, and is everything open? */
  #look(): void {
    const table = listInterfaces(this.#options.interfaces)
    // A host that cannot list its interfaces at this moment may carry datagrams all the same: leave everything as it is.
    if (table !== null) this.#lookAt(table)
    this.#report()
    // A handler may have closed the medium.
    if (this.#handlers !== null) this.#timer = this.#options.clock.schedule(lookEveryMs, () => this.#look())
  }

  #lookAt(table: InterfaceTable): void {
    const near = this.#spec.kind === 'ucast' ? this.#spec.address : null
    const local = chooseAddress(table, this.name, near, this.#local?.address ?? null)
    this.#siblingAddresses = this.#siblings.map(name => chooseAddress(table, name, null, null)).filter(address => address !== null)
    if (local === null) this.#absence = `${this.name} has no IPv4 address, is down, or has no carrier`
    else if (near !== null && isOwnAddress(table, near)) this.#giveUp(`${near} is this node's own address`)
    else this.#openOn(local)
  }

  #openOn(local: LocalAddress): void {
    const isChanged = this.#local === null || this.#local.address !== local.address || this.#local.netmask !== local.netmask || this.#local.mac !== local.mac
    // Coming back also means to open again: the system forgets multicast memberships with the interface.
    if (this.#absence !== null || isChanged) this.#closeSockets()
    this.#local = local
    const planned = planSockets(this.#spec, local)
    if (!planned.ok) {
      this.#giveUp(planned.reason)
      return
    }
    this.#absence = null
    this.#plan = planned.plan
    if (this.#receiver === null) this.#openReceiver(planned.plan)
    if (this.#sendTrouble !== null && this.#sendFailures === 0) this.#sendTrouble = null // a send has succeeded since
    if (this.#sender === null || this.#sendTrouble !== null) this.#openSender(planned.plan, local)
  }

  #giveUp(reason: string): void {
    this.#closeSockets()
    this.#absence = reason
  }

  #closeSockets(): void {
    this.#receiver?.release()
    this.#sender?.close()
    this.#receiver = null
    this.#sender = null
    this.#receiveTrouble = null
    this.#sendTrouble = null
    this.#sendFailures = 0
  }

  #openReceiver(plan: SocketPlan): void {
    const listener: Listener = {
      peer: this.#spec.kind === 'ucast' ? this.#spec.address : null,
      onDatagram: (payload, from) => this.#onDatagram(payload, from),
      onError: error => {
        this.#receiver?.release()
        this.#receiver = null
        this.#receiveTrouble = `cannot receive: ${describeError(error)}`
        this.#report()
      }
    }
    const lease = this.#pool.acquire(plan.receive, listener)
    if ('release' in lease) {
      this.#receiver = lease
      this.#receiveTrouble = null
    } else this.#receiveTrouble = `cannot listen on ${plan.receive.address}:${plan.receive.port}: ${describeError(lease)}`
  }

  #openSender(plan: SocketPlan, local: LocalAddress): void {
    this.#sender?.close()
    const sender = UdpSocket.open({ address: local.address, port: 0, isShared: false }, plan.send.setUp, {
      onDatagram: () => undefined, // nobody knows this port; what a connected peer sends here is no heartbeat
      onError: error => this.#onSendError(error)
    })
    if (sender instanceof UdpSocket) {
      this.#sender = sender
      return
    }
    this.#sender = null
    this.#sendTrouble = `cannot send from ${local.address}: ${describeError(sender)}`
  }

  #sendBy(sender: UdpSocket, plan: SocketPlan, payload: Uint8Array, mayRepeat: boolean): void {
    sender.send(payload, plan.send.target, error => {
      if (error === null) {
        this.counters.sent += 1
        this.#sendFailures = 0
        return
      }
      // The system reports an earlier "port unreachable" in place of sending this datagram: that cost the datagram, once.
      const isRefused = error.code === 'ECONNREFUSED'
      this.#onSendError(error)
      if (isRefused && mayRepeat && this.#sender === sender) this.#sendBy(sender, plan, payload, false)
      else this.counters.unsent += 1
    })
  }

  #onSendError(error: NodeJS.ErrnoException): void {
    const code = error.code ?? ''
    if (code === 'ECONNREFUSED') {
      this.counters.refused += 1
      this.#handlers?.onRefused()
      return
    }
    if (code === 'EMSGSIZE') return // the datagram's fault, not the medium's
    this.#sendFailures += 1
    if (transientCodes.has(code) && this.#sendFailures < transientMax) return
    this.#sendTrouble = `cannot send: ${describeError(error)}`
    this.#report()
  }

  #onDatagram(payload: Uint8Array, from: { readonly address: string; readonly port: number }): void {
    if (this.#siblingAddresses.length > 0 && this.#isStray(from.address)) {
      // A multicast socket hears the group on every interface that joined it. Taking it here would show a dead link alive.
      this.counters.strayed += 1
      return
    }
    this.counters.received += 1
    this.#handlers?.onDatagram(payload, from)
  }

  /** Sent on another interface of the same multicast group. */
  #isStray(address: string): boolean {
    const isNear = this.#local !== null && isInSubnet(this.#local, address)
    return !isNear && this.#siblingAddresses.some(sibling => isInSubnet(sibling, address))
  }

  #report(): void {
    const trouble = this.#absence ?? this.#receiveTrouble ?? this.#sendTrouble
    const state = trouble === null ? 'up' : 'down'
    if (state === this.#reported) return
    this.#reported = state
    this.#handlers?.onState(state, trouble ?? `${this.description} works from ${this.#local?.address ?? 'here'}`)
  }
}

/** What an operator can do about the errors that happen; the system's own words for the rest. */
function describeError(error: NodeJS.ErrnoException): string {
  const code = error.code ?? 'unknown error'
  const advice = adviceByCode[code]
  return advice === undefined ? `${code} (${error.message})` : `${code} (${advice})`
}

const adviceByCode: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses that port on this address; is a heartbeat running already?',
  EACCES: 'not permitted; ports below 1024 need root, and a broadcast address needs bcast',
  EADDRNOTAVAIL: 'the address is not on this host now',
  EPERM: 'a packet filter on this host refuses it',
  ENETUNREACH: 'there is no route to that network',
  EHOSTUNREACH: 'there is no route to that host',
  ENETDOWN: 'the interface is down',
  ENODEV: 'the interface is gone',
  ENOBUFS: 'the queue of the interface is full',
  EINVAL: 'the address or the interface does not fit'
}
