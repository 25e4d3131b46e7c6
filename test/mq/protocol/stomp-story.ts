/**
 * Stories of STOMP clients and a queue manager, as text. A block is commands, `----`, and what everybody saw:
 *
 *     define QLOCAL Q BOTHRESH=2            an object
 *     a connects 1.2 login:bob; …           a client, its version and further headers of CONNECT
 *     a > SEND destination:/queue/Q | body  a frame as it goes over the wire; \n, \0 within are those bytes
 *     a raw "CONNECT\n\n"                   bytes, as a JSON string
 *     a slow · a reads · a vanishes
 *     hold · force                          nothing becomes durable · everything does
 *     advance 1000 · depth Q · quiesce · stop
 *
 * Message ids are numbered as they turn up: `#1`; `@1` is the `ack` header it was delivered with last. Frames are shown as they came over the wire, beats as `a < beat`.
 */

import type { ObjectType } from '../../../src/mq/core/definition.js'
import { StompWorld, type SeenFrame, type StompPeer } from '../fake/stomp-world.js'

interface Block {
  readonly comments: readonly string[]
  readonly commands: readonly string[]
}

export function parseStory(text: string): Block[] {
  const blocks: Block[] = []
  let comments: string[] = []
  let commands: string[] = []
  let isAnswer = false
  for (const line of text.split('\n')) {
    if (line === '') {
      if (isAnswer) {
        blocks.push({ comments, commands })
        comments = []
        commands = []
        isAnswer = false
      } else if (commands.length === 0 && comments.length > 0) comments.push('')
    } else if (line === '----') isAnswer = true
    else if (isAnswer) continue
    else if (line.startsWith('#') && commands.length === 0) comments.push(line)
    else commands.push(line)
  }
  if (commands.length > 0) blocks.push({ comments, commands })
  return blocks
}

export function playStory(blocks: readonly Block[]): string {
  const player = new Player()
  return blocks
    .map(({ comments, commands }) => {
      const answer = commands.flatMap(command => player.do(command))
      return [...comments, ...commands, '----', ...answer, ''].join('\n')
    })
    .join('\n')
}

class Player {
  readonly #world = new StompWorld()
  readonly #peers = new Map<string, StompPeer>()
  readonly #told = new Set<string>()
  readonly #ids: string[] = []
  readonly #acks: string[] = []

  do(command: string): string[] {
    const [first = '', second = '', ...rest] = command.split(' ')
    const said = this.#command(first, second, rest) ?? this.#client(first, second, command.slice(first.length + second.length + 2))
    return [...said, ...this.#seen()]
  }

  #command(verb: string, argument: string, rest: readonly string[]): string[] | null {
    const world = this.#world
    switch (verb) {
      case 'define': {
        const attributes = rest.slice(1).map(word => word.split('=')).map(([name = '', value = '']) => [name, /^\d+$/.test(value) ? Number(value) : value] as const)
        world.define(argument as ObjectType, rest[0] ?? '', Object.fromEntries(attributes))
        return []
      }
      case 'depth':
        return [`${argument} has ${world.depth(argument)}`]
      case 'hold':
        world.isForcing = false
        return []
      case 'force':
        world.isForcing = true
        world.force()
        return []
      case 'advance':
        world.advance(Number(argument))
        return []
      case 'quiesce':
      case 'stop':
        world.qm.onEnd(verb)
        world.settle()
        return []
      default:
        return null
    }
  }

  #client(name: string, verb: string, rest: string): string[] {
    if (verb === 'connects') {
      const peer = this.#world.accept()
      this.#peers.set(name, peer)
      this.#told.delete(name)
      const [version = '', ...headers] = rest.split(' ')
      const more = headers.join(' ')
      peer.send(`CONNECT\n${version === '1.0' ? '' : `accept-version:${version}\nhost:here\n`}${more === '' ? '' : `${more.split('; ').join('\n')}\n`}\n\0`)
      return []
    }
    const peer = this.#peers.get(name) ?? this.#world.accept()
    this.#peers.set(name, peer)
    switch (verb) {
      case '>':
        peer.send(this.#wire(rest))
        return []
      case 'raw':
        peer.send(JSON.parse(rest) as string)
        return []
      case 'slow':
        peer.isReading = false
        return []
      case 'reads':
        peer.read()
        return []
      case 'vanishes':
        this.#told.add(name)
        peer.vanish()
        return []
      default:
        throw new Error(`what is ${verb}?`)
    }
  }

  #wire(text: string): string {
    const bar = text.indexOf(' | ')
    const head = bar === -1 ? text : text.slice(0, bar)
    const body = bar === -1 ? '' : text.slice(bar + 3).replaceAll('\\n', '\n').replaceAll('\\0', '\0')
    const space = head.indexOf(' ')
    const command = space === -1 ? head : head.slice(0, space)
    const headers = space === -1 ? '' : `${head.slice(space + 1).split('; ').join('\n')}\n`
    return `${command}\n${headers.replaceAll(/#(\d+)/g, (_, number: string) => this.#ids[Number(number) - 1] ?? '').replaceAll(/:@(\d+)/g, (_, number: string) => `:${this.#acks[Number(number) - 1] ?? ''}`)}\n${body}\0`
  }

  #seen(): string[] {
    const lines: string[] = []
    for (const [name, peer] of this.#peers) {
      for (const frame of peer.frames()) lines.push(`${name} < ${this.#shown(frame)}`)
      if (peer.isEnded && !this.#told.has(name)) {
        this.#told.add(name)
        lines.push(`${name} is cut off${peer.why === null ? '' : `: ${peer.why}`}`)
      }
    }
    return lines
  }

  #shown({ command, headers, body }: SeenFrame): string {
    if (command === '') return 'beat'
    const id = headers.find(([name]) => name === 'message-id')?.[1]
    const ack = headers.find(([name]) => name === 'ack')?.[1]
    if (id !== undefined && ack !== undefined) this.#acks[Number(this.#number(id).slice(1)) - 1] = ack
    const shown = headers.filter(([name]) => name !== 'server').map(([name, value]) => `${name}:${name === 'message-id' ? this.#number(value) : name === 'ack' ? '…' : value}`)
    const text = body.toString().replaceAll('\n', '\\n').replaceAll('\0', '\\0')
    return `${command}${shown.length === 0 ? '' : ` ${shown.join('; ')}`}${text === '' ? '' : ` | ${text}`}`
  }

  #number(id: string): string {
    if (!this.#ids.includes(id)) this.#ids.push(id)
    return `#${this.#ids.indexOf(id) + 1}`
  }
}
