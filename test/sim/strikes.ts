/** Carries out the strikes of a plan: each begins, and ends by itself after its time. */

import { millis } from '../../src/base/units.js'
import type { Network } from './network.js'
import { linksCount } from './network.js'
import { nodeNames, strikeText, type Strike } from './plan.js'
import type { SimNode } from './sim-node.js'
import { noTroubles } from './sim-scripts.js'
import type { Surroundings } from './surroundings.js'
import type { VirtualClock } from './virtual-clock.js'

export interface Battlefield {
  readonly clock: VirtualClock
  readonly nodes: readonly [SimNode, SimNode]
  readonly network: Network
  readonly around: Surroundings
  story(line: string): void
}

export function schedule(field: Battlefield, strike: Strike): void {
  field.clock.schedule(millis(strike.atMs), () => {
    field.story(`strike ${strikeText(strike)}`)
    const end = begin(field, strike)
    if (end !== null) field.clock.schedule(millis(strike.lastsMs), end)
  })
}

/** Begins the strike; returns what ends it, or null when nothing needs an end. */
function begin(field: Battlefield, strike: Strike): (() => void) | null {
  const { around, network, nodes } = field
  const { kind, pick } = strike
  const node = nodes[strike.node]
  const other = nodes[1 - strike.node] as SimNode // two nodes
  /** Whom a fault of something shared strikes: one node, or both. */
  const struck = pick % 3 === 0 ? nodes : [node]
  switch (kind) {
    case 'loss':
      network.lossOf = 1 + (pick % 30)
      return null
    case 'delay':
      network.delayMaxMs = 5 + (pick % 145)
      return null
    case 'duplicate':
      network.duplicateOf = 1 + (pick % 30)
      return null
    case 'replay':
      network.replay(strike.node, pick % 300, 1 + (pick % 60))
      return null
    case 'cut':
    case 'cut-one-way': {
      const links = pick % 2 === 0 ? [0, 1] : [(pick >> 1) % linksCount]
      const from = kind === 'cut' ? 'both' : nodeNames[strike.node]
      network.cut(links, 1, from)
      return () => network.cut(links, -1, from)
    }
    case 'flap':
      return flap(field, strike)
    case 'isolate':
      return isolate(field, strike)
    case 'power':
      if (node.isPowered) node.powerOff()
      return () => node.boot()
    case 'kill':
      if (!node.isAlive || node.isSuspended) return null
      node.kill()
      return () => node.boot()
    case 'freeze':
      node.freeze()
      return () => node.thaw()
    case 'suspend':
      node.suspend()
      return () => node.thaw(pick % 10)
    case 'stop':
      node.stop()
      return () => node.boot()
    case 'move':
      // Now and then two operators look at the same moment, each at his node.
      if (pick % 3 === 0) for (const one of nodes) one.cleanup()
      else node.ask({ kind: pick % 2 === 0 ? 'standby' : 'takeover', scope: { kind: 'all' } })
      return null
    case 'hold':
      node.request({ kind: 'hold', durationMs: millis(pick % 7 === 0 ? 0 : 500 + (pick % 5_000)), reason: 'snapshot' })
      return null
    case 'confirm-off':
      // The operator is honest: he pulled the plug, and it stays out until everything is well.
      if (other.isPowered) other.powerOff()
      other.isKeptOff = true
      return () => node.request({ kind: 'confirm-off' })
    case 'start-fails':
    case 'start-hangs':
    case 'stop-fails': {
      const group = pick % node.troubles.length
      const key = kind === 'start-fails' ? 'startFails' : kind === 'start-hangs' ? 'startHangs' : 'stopFails'
      const set = (value: boolean): void => {
        node.troubles[group] = { ...(node.troubles[group] ?? noTroubles), [key]: value }
      }
      set(true)
      return () => set(false)
    }
    case 'carrier': {
      const carriers = around.carriers[strike.node]
      const group = pick % (carriers?.length ?? 1)
      const set = (value: boolean): void => {
        if (carriers !== undefined) carriers[group] = value
        node.carrierChanged(group)
      }
      set(false)
      return () => set(true)
    }
    case 'disk-slow':
      for (const one of struck) around.disk.trouble(one.index, { slowMs: 100 + (pick % 1_900) })
      return () => struck.forEach(one => around.disk.trouble(one.index, { slowMs: 0 }))
    case 'disk-fails':
      for (const one of struck) around.disk.trouble(one.index, { isFailing: true })
      return () => struck.forEach(one => around.disk.trouble(one.index, { isFailing: false }))
    case 'disk-lost':
      for (const one of struck) around.disk.trouble(one.index, { isLost: true })
      return () => struck.forEach(one => around.disk.trouble(one.index, { isLost: false }))
    case 'disk-hangs':
      for (const one of struck) around.disk.trouble(one.index, { isHanging: true })
      return () => struck.forEach(one => around.disk.trouble(one.index, { isHanging: false }))
    case 'arbiter-lost':
      return unreachable(around, struck)
    case 'arbiter-slow':
      around.arbiter.slowMs = 50 + (pick % 900)
      return () => {
        around.arbiter.slowMs = 0
      }
    case 'arbiter-restart':
      around.arbiter.goDown()
      return () => around.arbiter.restarted()
    case 'ping-lost':
      return silence(around, struck)
    case 'fence-fails':
      around.device.isFailing = true
      return () => {
        around.device.isFailing = false
      }
    case 'fence-hangs':
      around.device.isHanging = true
      return () => {
        around.device.isHanging = false
      }
  }
}

/** A wire with a loose contact: both links, again and again. */
function flap(field: Battlefield, strike: Strike): () => void {
  const everyMs = 200 + (strike.pick % 1_200)
  let isCut = false
  let isOver = false
  const turn = (): void => {
    if (isOver) return
    isCut = !isCut
    field.network.cut([0, 1], isCut ? 1 : -1)
    field.clock.schedule(millis(everyMs), turn)
  }
  turn()
  return () => {
    isOver = true
    if (isCut) field.network.cut([0, 1], -1)
  }
}

/** The switch behind a node fails: whatever it reaches over the network is gone at once, sometimes the disk too. */
function isolate(field: Battlefield, strike: Strike): () => void {
  const { around, network, nodes } = field
  const struck = [nodes[strike.node]]
  network.cut([0, 1], 1)
  const arbiterBack = unreachable(around, struck)
  const pingBack = silence(around, struck)
  const hasDisk = strike.pick % 3 !== 0
  if (!hasDisk) around.disk.trouble(strike.node, { isLost: true })
  return () => {
    network.cut([0, 1], -1)
    arbiterBack()
    pingBack()
    if (!hasDisk) around.disk.trouble(strike.node, { isLost: false })
  }
}

function unreachable(around: Surroundings, struck: readonly SimNode[]): () => void {
  for (const one of struck) around.arbiter.isReachable[one.index] = false
  return () => {
    for (const one of struck) around.arbiter.isReachable[one.index] = true
  }
}

function silence(around: Surroundings, struck: readonly SimNode[]): () => void {
  const set = (value: boolean): void => {
    for (const one of struck) {
      around.reaches[one.index] = value
      one.pingChanged()
    }
  }
  set(false)
  return () => set(true)
}
