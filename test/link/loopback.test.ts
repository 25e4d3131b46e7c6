import t, { type Test } from 'tap'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { MediumSpec } from '../../src/config/types.js'
import type { InterfaceTable } from '../../src/link/address.js'
import { createMedia, createMedium } from '../../src/link/media.js'
import type { UdpMedium } from '../../src/link/udp-medium.js'
import { HandClock, Recorder, tableOf } from './recorder.js'

// Every address of 127/8 is this host's own, so several "nodes" live on loopback, each told a table with its address only.
const position = { file: 'ha.cf', line: 1, column: 1 }
const port = 20_000 + (process.pid % 20_000)
const ucast = (address: string, name = 'eth0'): MediumSpec => ({ kind: 'ucast', name, address, port, position })
const bytes = (text: string): Uint8Array => Buffer.from(text)

interface TestNode {
  readonly medium: UdpMedium
  readonly recorder: Recorder
  readonly clock: HandClock
  table: InterfaceTable
}

function openNode(t: Test, spec: MediumSpec, table: InterfaceTable): TestNode {
  const clock = new HandClock()
  const recorder = new Recorder()
  const node: TestNode = { medium: createMedium(spec, { clock, interfaces: () => node.table }), recorder, clock, table }
  node.medium.open(recorder)
  t.teardown(() => node.medium.close())
  return node
}

t.test('ucast: two nodes -> each hears the other, and knows by which address', async t => {
  const a = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '127.0.0.2' }))
  const b = openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.3' }))
  t.equal(a.medium.name, 'eth0')
  t.equal(a.medium.description, 'ucast eth0 127.0.0.3')
  t.strictSame(a.recorder.states, ['up'])
  a.medium.send(bytes('from a'))
  b.medium.send(bytes('from b'))
  await a.recorder.until(() => a.recorder.heard.length > 0, 'a hears b')
  await b.recorder.until(() => b.recorder.heard.length > 0, 'b hears a')
  t.strictSame(a.recorder.heard, [{ text: 'from b', address: '127.0.0.3' }])
  t.strictSame(b.recorder.heard, [{ text: 'from a', address: '127.0.0.2' }])
  t.equal(b.medium.counters.received, 1)
})

t.test('ucast: the largest datagram and the empty one -> arrive whole; one byte more is counted and harms nothing', async t => {
  const a = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '127.0.0.2' }))
  const b = openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.3' }))
  a.medium.send(new Uint8Array(65_508))
  a.medium.send(new Uint8Array(65_507).fill(0x61))
  a.medium.send(new Uint8Array(0))
  await b.recorder.until(() => b.recorder.heard.length === 2, 'two datagrams')
  t.equal(b.recorder.heard[0]?.text.length, 65_507)
  t.equal(b.recorder.heard[1]?.text, '')
  t.equal(a.medium.counters.unsent, 1)
  a.clock.advance(1000)
  t.strictSame(a.recorder.states, ['up'])
})

t.test('ucast: two lines on one interface -> one socket, datagrams go to the line of their sender', async t => {
  const clock = new HandClock()
  const media = createMedia([ucast('127.0.0.3'), ucast('127.0.0.2'), ucast('127.0.0.4')], { clock, interfaces: () => tableOf({ eth0: '127.0.0.2' }) })
  t.strictSame(media.map(medium => medium.description), ['ucast eth0 127.0.0.3', 'ucast eth0 127.0.0.4'], 'the own address is left out')
  const recorders = media.map(medium => {
    const recorder = new Recorder()
    medium.open(recorder)
    t.teardown(() => medium.close())
    return recorder
  })
  const [first, second] = recorders as [Recorder, Recorder]
  t.strictSame([first.states, second.states], [['up'], ['up']])
  for (const address of ['127.0.0.4', '127.0.0.5', '127.0.0.3']) openNode(t, ucast('127.0.0.2'), tableOf({ eth0: address })).medium.send(bytes(address))
  await second.until(() => second.heard.length === 1, 'the second line hears its peer')
  await first.until(() => first.heard.length === 2, 'the first line hears its peer and the stranger')
  t.equal(second.heard[0]?.text, '127.0.0.4')
  t.strictSame(first.heard.map(datagram => datagram.text).sort(), ['127.0.0.3', '127.0.0.5'])
  await media[0]?.close()
  openNode(t, { ...ucast('127.0.0.2'), name: 'eth0' }, tableOf({ eth0: '127.0.0.6' })).medium.send(bytes('later'))
  await second.until(() => second.heard.length === 2, 'the other line keeps the socket')
})

t.test('ucast: nobody listens at the peer -> refused is told, and no later datagram is lost', async t => {
  const a = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '127.0.0.2' }))
  a.medium.send(bytes('into the void'))
  await a.recorder.until(() => a.recorder.refused > 0, 'port unreachable')
  // Two sends in one turn: the second meets the first one's refusal in place of being sent, and is repeated.
  a.medium.send(bytes('void'))
  const b = openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.3' }))
  a.medium.send(bytes('hello'))
  await b.recorder.until(() => b.recorder.heard.some(datagram => datagram.text === 'hello'), 'the datagram after the refusal')
  t.strictSame(a.recorder.states, ['up'], 'a refusal is no trouble of the medium')
})

t.test('medium: interface missing, coming, changing its address, going, coming back -> each change told once', async t => {
  const a = openNode(t, ucast('127.0.0.3'), {})
  const b = openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.3' }))
  a.medium.send(bytes('lost'))
  t.equal(a.medium.counters.unsent, 1)
  a.clock.advance(1000)
  t.strictSame(a.recorder.states, ['down'])
  t.match(a.recorder.reasons[0], /eth0 has no IPv4 address, is down, or has no carrier/)
  a.table = tableOf({ eth0: '127.0.0.2' })
  a.clock.advance(1000)
  t.strictSame(a.recorder.states, ['down', 'up'])
  b.medium.send(bytes('to .2'))
  await a.recorder.until(() => a.recorder.heard.length === 1, 'hears at the first address')
  a.table = tableOf({ eth0: '127.0.0.9' })
  a.clock.advance(1000)
  a.medium.send(bytes('from .9'))
  await b.recorder.until(() => b.recorder.heard.length === 1, 'b hears the new address')
  t.equal(b.recorder.heard[0]?.address, '127.0.0.9')
  a.table = {}
  a.clock.advance(1000)
  a.clock.advance(1000)
  a.table = tableOf({ eth0: '127.0.0.9' })
  a.clock.advance(1000)
  t.strictSame(a.recorder.states, ['down', 'up', 'down', 'up'])
  a.medium.send(bytes('again'))
  await b.recorder.until(() => b.recorder.heard.length === 2, 'works after coming back')
})

t.test('medium: the system cannot list its interfaces for a while -> nothing changes', async t => {
  const clock = new HandClock()
  let isOutOfDescriptors = true
  const interfaces = (): InterfaceTable => {
    if (isOutOfDescriptors) throw Object.assign(new Error('uv_interface_addresses returned EMFILE'), { code: 'ERR_SYSTEM_ERROR' })
    return tableOf({ eth0: '127.0.0.2' })
  }
  const recorder = new Recorder()
  const [medium] = createMedia([ucast('127.0.0.3')], { clock, interfaces })
  medium?.open(recorder)
  t.teardown(() => medium?.close())
  t.match(recorder.reasons, ['the interfaces of this host cannot be listed'])
  isOutOfDescriptors = false
  clock.advance(1000)
  isOutOfDescriptors = true
  clock.advance(1000)
  t.strictSame(recorder.states, ['down', 'up'])
  const b = openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.3' }))
  medium?.send(bytes('still here'))
  await b.recorder.until(() => b.recorder.heard.length === 1, 'the medium works on')
})

t.test('medium: port taken by another process -> down with the reason, up when it is free', async t => {
  const other = createSocket('udp4')
  other.bind(port, '127.0.0.2')
  await once(other, 'listening')
  const a = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '127.0.0.2' }))
  t.strictSame(a.recorder.states, ['down'])
  t.match(a.recorder.reasons[0], /cannot listen on 127\.0\.0\.2:\d+: EADDRINUSE \(another process/)
  a.clock.advance(1000)
  t.equal(a.recorder.states.length, 1)
  other.close()
  await once(other, 'close')
  a.clock.advance(1000)
  t.strictSame(a.recorder.states, ['down', 'up'])
})

t.test('medium: an address this host does not have -> down, nothing thrown', async t => {
  const a = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '192.0.2.1' }))
  t.match(a.recorder.reasons[0], /EADDRNOTAVAIL/)
  a.medium.send(bytes('x'))
  t.equal(a.medium.counters.unsent, 1)
})

t.test('medium: a peer address that is this node\'s own, or no address -> down with the reason', async t => {
  t.match(openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.2' })).recorder.reasons[0], /own address/)
  t.match(openNode(t, ucast('ha2'), tableOf({ eth0: '127.0.0.2' })).recorder.reasons[0], /no IPv4 address/)
})

t.test('medium: sending fails -> down once, tried each second, up after the first success', async t => {
  // Sending to a broadcast address without permission is the one error that loopback gives: EACCES.
  const a = openNode(t, ucast('127.255.255.255'), tableOf({ eth0: '127.0.0.2' }))
  await a.recorder.until(() => a.recorder.states.at(-1) === 'down', 'the error of connecting to a broadcast address')
  a.medium.send(bytes('x'))
  a.medium.send(bytes('y'))
  a.clock.advance(1000)
  a.medium.send(bytes('z'))
  a.clock.advance(1000)
  t.equal(a.recorder.states.filter(state => state === 'down').length, a.recorder.states.filter(state => state === 'up').length + (a.recorder.states[0] === 'down' ? 1 : 0))
  t.match(a.recorder.reasons.at(-1), /EACCES/)
})

t.test('medium: closed -> says nothing more, gives the port back, arms no timer', async t => {
  const a = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '127.0.0.2' }))
  const b = openNode(t, ucast('127.0.0.2'), tableOf({ eth0: '127.0.0.3' }))
  b.medium.send(bytes('in flight'))
  a.medium.send(bytes('x'))
  await a.medium.close()
  t.equal(a.clock.scheduled, 0)
  a.medium.send(bytes('after close'))
  const again = openNode(t, ucast('127.0.0.3'), tableOf({ eth0: '127.0.0.2' }))
  t.strictSame(again.recorder.states, ['up'])
  b.medium.send(bytes('second'))
  await again.recorder.until(() => again.recorder.heard.length > 0, 'the new medium hears')
  t.equal(a.recorder.heard.length, 0)
  t.strictSame(a.recorder.states, ['up'])
})

t.test('bcast: two nodes on one subnet -> both hear, and each hears itself', async t => {
  const spec: MediumSpec = { kind: 'bcast', name: 'eth0', port, position }
  const a = openNode(t, spec, tableOf({ eth0: '127.0.0.2' }))
  const b = openNode(t, spec, tableOf({ eth0: '127.0.0.3' }))
  a.medium.send(bytes('to all'))
  await Promise.all([a, b].map(node => node.recorder.until(() => node.recorder.heard.length > 0, 'the broadcast')))
  t.strictSame(a.recorder.heard, [{ text: 'to all', address: '127.0.0.2' }])
  t.strictSame(b.recorder.heard, a.recorder.heard)
  const point = openNode(t, spec, tableOf({ eth0: '127.0.0.4' }, '255.255.255.255'))
  t.match(point.recorder.reasons[0], /has no broadcast address/)
})
