/**
 * Drives the cluster core from a text: a story is blocks of comments, one command, `----`, and what the core answered.
 *
 *   node name=ha1 peer=ha2 generation=5 failback=on groups=web@ha1:IPaddr,Filesystem      first block of every story
 *   begin now=0
 *   heard now=20 generation=9 phase=active groups=web:stopped@0 ack=5.1 link=0 sequence=7
 *   linux-ha now=20 t=status st=active dt=7530             a message of Linux-HA 3.0.6, with these fields
 *   tick now=100 · pass until=3000 · woke now=900 stall=600 · stall-explained now=900 cause=it_was_busy_itself · operated now=30 group=web ok
 *   ask now=30 standby all · ask now=30 takeover group=web force · ask now=30 stop · ask now=30 cleanup all
 *   agreement now=5 is=1.0,aa,bb,cc · compared now=9 topic=scripts said=app_differs · compared now=9 trouble=no_answer
 *   refused now=5 reason=bad-digest from=10.0.0.9 · medium now=5 link=0 trouble=down · unreachable now=5 link=0
 *
 * `heard` keeps what the peer said before: its generation, phase and groups; its sequence grows by one, and it
 * acknowledges our newest datagram unless `ack=GENERATION.SEQUENCE` or `ack=-` says otherwise; `status=dead` is the last
 * of its farewells. `operated` is about the
 * attempt begun last unless `attempt=` says otherwise. `pass` ticks at every deadline and leaves plain keepalives out.
 */

import { instant, millis } from '../../src/base/units.js'
import { describe, initialState, nextDeadline, step } from '../../src/cluster/step.js'
import type { ClusterEffect, ClusterEvent, ClusterSettings, ClusterState, GroupSettings, OperatorRequest, Scope } from '../../src/cluster/types.js'
import type { OperationResult } from '../../src/resource/group-machine.js'
import { stringField, textOf } from '../../src/wire/fields.js'
import { noSafety } from '../../src/safety/types.js'
import { groupStates, nodePhases, wellHealth, type Agreement, type GroupView, type NodeView } from '../../src/wire/ownership.js'
import { readHeard, statusMessage, withSender, type Heard } from '../../src/wire/status.js'

const results: readonly OperationResult[] = ['ok', 'running', 'stopped', 'unknown', 'failed', 'timed-out', 'cancelled', 'not-installed']
const separator = '----'
const surroundings = { wallS: 1_700_000_000, load: '0.00' }

/** A block of a story: its comments, its command, and what was answered when it was written down. */
export interface Block {
  readonly comments: readonly string[]
  readonly command: string
  readonly answer: readonly string[]
}

export function parseStory(text: string): readonly Block[] {
  return text
    .split(/\n{2,}/)
    .map(block => block.split('\n').filter(line => line !== ''))
    .filter(lines => lines.length > 0)
    .map(lines => {
      const comments = lines.filter(line => line.startsWith('#'))
      const [command = '', ...answer] = lines.filter(line => !line.startsWith('#'))
      return { comments, command, answer: answer.filter(line => line !== separator) }
    })
}

export function printStory(blocks: readonly Block[]): string {
  const texts = blocks.map(block => [...block.comments, ...(block.command === '' ? [] : [block.command, separator, ...block.answer])].join('\n'))
  return `${texts.join('\n\n')}\n`
}

/** The same story with the answers that the core gives now. */
export function replayStory(blocks: readonly Block[]): readonly Block[] {
  const player = new StoryPlayer()
  return blocks.map(block => (block.command === '' ? block : { ...block, answer: player.play(block.command) }))
}

/** A command in parts: its first word, its `key=value` words, and the bare ones. */
class Words {
  readonly first: string
  readonly bare: readonly string[]
  readonly #pairs: ReadonlyMap<string, string>

  constructor(command: string) {
    const [first = '', ...rest] = command.split(' ').filter(word => word !== '')
    this.first = first
    this.bare = rest.filter(word => !word.includes('='))
    this.#pairs = new Map(rest.filter(word => word.includes('=')).map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
  }

  get pairs(): readonly (readonly [string, string])[] {
    return [...this.#pairs]
  }

  text(key: string): string | undefined {
    return this.#pairs.get(key)
  }

  needed(key: string): string {
    const value = this.#pairs.get(key)
    if (value === undefined) throw new Error(`${this.first}: ${key}= is missing`)
    return value
  }

  number(key: string): number {
    return Number(this.needed(key))
  }
}

class StoryPlayer {
  #settings: ClusterSettings | null = null
  #state: ClusterState | null = null
  readonly #theirs = { generation: 1, sequence: 0, phase: 'active' as NodeView['phase'], groups: [] as readonly GroupView[], agreement: null as Agreement | null }

  play(command: string): readonly string[] {
    const words = new Words(command)
    if (words.first === 'node') return this.#begin(words)
    if (words.first === 'pass') return this.#pass(words.number('until'))
    const event = this.#eventOf(words)
    return [...this.#take(event).map(effect => this.#print(effect)), this.#standing()]
  }

  get #life(): { readonly settings: ClusterSettings; readonly state: ClusterState } {
    if (this.#settings === null || this.#state === null) throw new Error('a story begins with a node line')
    return { settings: this.#settings, state: this.#state }
  }

  #begin(words: Words): readonly string[] {
    this.#settings = settingsOf(words)
    this.#state = initialState(this.#settings, instant(Number(words.text('now') ?? 0)))
    return [this.#standing()]
  }

  #take(event: ClusterEvent): readonly ClusterEffect[] {
    const { settings, state } = this.#life
    const next = step(state, event, settings)
    this.#state = next.state
    return next.effects
  }

  #pass(untilMs: number): readonly string[] {
    const lines: string[] = []
    for (let due = this.#due(); due <= untilMs; due = this.#due()) {
      const before = this.#life.state.sentView
      const effects = this.#take({ kind: 'tick', now: instant(due) })
      const told = effects.filter(effect => effect.kind !== 'send-status' || effect.status === 'dead' || !isKeepalive(effect.view, before))
      if (told.length > 0) lines.push(`at ${due}`, ...told.map(effect => `  ${this.#print(effect)}`))
      if (effects.some(effect => effect.kind === 'exit')) break
    }
    return [...lines, this.#standing()]
  }

  #due(): number {
    const { settings, state } = this.#life
    return nextDeadline(state, settings)
  }

  #standing(): string {
    const { settings, state } = this.#life
    return `= ${describe(state, settings)}; next ${Math.round(nextDeadline(state, settings))}`
  }

  #eventOf(words: Words): ClusterEvent {
    const now = instant(words.number('now'))
    const link = Number(words.text('link') ?? 0)
    switch (words.first) {
      case 'begin':
      case 'tick':
        return { kind: words.first, now }
      case 'woke':
        return { kind: 'woke', now, stallMs: millis(words.number('stall')) }
      case 'stall-explained':
        return { kind: 'stall-explained', now, cause: words.text('cause')?.replaceAll('_', ' ') ?? null }
      case 'heard':
        return { kind: 'heard', now, link, heard: this.#heard(words) }
      case 'linux-ha':
        return { kind: 'heard', now, link, heard: this.#linuxHa(words) }
      case 'operated':
        return this.#operated(words, now)
      case 'ask':
        return { kind: 'asked', now, id: Number(words.text('id') ?? 1), request: requestOf(words) }
      case 'refused':
        return { kind: 'refused', now, reason: words.needed('reason'), from: words.needed('from') }
      case 'medium':
        return { kind: 'medium', now, link, trouble: words.text('trouble') ?? null }
      case 'agreement':
        return { kind: 'agreement', now, agreement: agreementOf(words.needed('is')) }
      case 'compared':
        return this.#compared(words, now)
      case 'unreachable':
        return { kind: 'port-unreachable', now, link }
      default:
        throw new Error(`no such command: ${words.first}`)
    }
  }

  /** Details came: one difference, several with the same words joined by `;`, or none, or why they did not come. */
  #compared(words: Words, now: ReturnType<typeof instant>): ClusterEvent {
    const theirs = words.text('theirs') === undefined ? this.#theirs.agreement : agreementOf(words.needed('theirs'))
    if (theirs === null) throw new Error('compared: the peer has said no digests yet')
    const topic = (['haresources', 'authkeys', 'scripts'] as const).find(one => one === words.text('topic')) ?? 'haresources'
    const said = (words.text('said') ?? '').split(';').filter(text => text !== '')
    const differences = said.map(text => ({ topic, level: topic === 'haresources' ? 'error' : 'warn', text: text.replaceAll('_', ' ') }) as const)
    const trouble = words.text('trouble')?.replaceAll('_', ' ') ?? null
    return { kind: 'compared', now, theirs, differences: trouble === null ? differences : null, trouble }
  }

  #operated(words: Words, now: ReturnType<typeof instant>): ClusterEvent {
    const { settings, state } = this.#life
    const group = settings.groups.findIndex(one => one.key === words.needed('group'))
    const attempt = Number(words.text('attempt') ?? state.groups[group]?.machine.attempt)
    const kind = results.find(result => words.bare.includes(result))
    if (kind === undefined) throw new Error(`operated: one of ${results.join(', ')} is missing`)
    const exitCode = words.text('exit') === undefined ? (kind === 'failed' ? 1 : null) : words.number('exit')
    const said = words.text('said')?.replaceAll('_', ' ')
    return { kind: 'operated', now, group, attempt, outcome: { kind, exitCode, signal: words.text('signal') ?? null, said: said === undefined ? [] : [said] } }
  }

  /** A status as another daemon of ours would write it, through the same bytes. */
  #heard(words: Words): Heard {
    const { settings, state } = this.#life
    const theirs = this.#theirs
    this.#number(words)
    theirs.phase = nodePhases.find(phase => phase === words.text('phase')) ?? theirs.phase
    const listed = words.text('groups')
    if (listed !== undefined) theirs.groups = listed === '-' ? [] : listed.split(',').map(text => viewOf(text, settings))
    if (words.text('agreement') !== undefined) theirs.agreement = agreementOf(words.needed('agreement'))
    const ack = (words.text('ack') ?? `${settings.self.generation}.${state.sequence}`).split('.')
    const acknowledged = ack[0] === '-' || state.sequence === 0 ? null : { generation: Number(ack[0]), sequence: Number(ack[1]) }
    const view: NodeView = { phase: theirs.phase, acknowledged, hearsPeer: words.text('hears') !== 'no' && acknowledged !== null, groups: theirs.groups, health: wellHealth, agreement: theirs.agreement }
    const status = words.text('status') === 'dead' ? 'dead' : theirs.phase === 'probing' || theirs.phase === 'joining' ? 'up' : 'active'
    const message = statusMessage(this.#sender(words), { sequence: theirs.sequence, status, deadtimeMs: settings.timing.deadtimeMs, view }, surroundings)
    return known(readHeard(message))
  }

  #linuxHa(words: Words): Heard {
    const isOutside = words.needed('t').startsWith('NS_')
    if (!isOutside || words.text('generation') !== undefined) this.#number(words)
    const own = words.pairs.filter(([key]) => !['now', 'link', 'from', 'generation', 'sequence'].includes(key))
    const fields = own.map(([key, value]) => stringField(key, value))
    return known(readHeard(withSender(this.#sender(words), fields, { sequence: isOutside ? null : this.#theirs.sequence, surroundings })))
  }

  #number(words: Words): void {
    const theirs = this.#theirs
    const generation = Number(words.text('generation') ?? theirs.generation)
    theirs.sequence = Number(words.text('sequence') ?? (generation > theirs.generation ? 1 : theirs.sequence + 1))
    theirs.generation = generation
  }

  #sender(words: Words): Parameters<typeof statusMessage>[0] {
    const { settings } = this.#life
    return { name: words.text('from') ?? settings.peerName, uuid: new Uint8Array(16).fill(2), generation: this.#theirs.generation, ttl: 3 }
  }

  #print(effect: ClusterEffect): string {
    const { settings } = this.#life
    const key = (group: number): string => settings.groups[group]?.key ?? '?'
    switch (effect.kind) {
      case 'note':
        return `${effect.level} ${effect.text}`
      case 'send-status':
        return `send ${effect.sequence} ${effect.status} ${viewText(effect.view, settings)}`
      case 'send-fields': {
        const fields = effect.fields.map(field => `${field.name}=${textOf({ fields: [field] }, field.name) ?? ''}`.trim())
        return `send ${effect.sequence ?? 'unnumbered'} ${fields.join(' ')}${effect.destinationUuid === null ? '' : ' to its uuid'}`
      }
      case 'resend':
        return `resend ${effect.first}-${effect.last} to ${effect.to}`
      case 'operate':
        return `operate ${key(effect.group)} ${effect.operation} ${settings.groups[effect.group]?.resources[effect.index]?.word ?? '?'} attempt=${effect.attempt} limit=${effect.timeoutMs}`
      case 'cancel':
        return `cancel ${key(effect.group)} attempt=${effect.attempt}`
      case 'drop-addresses':
        return `drop-addresses ${effect.groups.map(key).join(' ')}`
      case 'announce':
        return `announce ${key(effect.group)}`
      case 'progress':
        return `progress ${effect.id} ${effect.text}`
      case 'answer':
        return `answer ${effect.id} ${effect.ok ? 'ok' : (effect.code ?? 'failed')}: ${effect.text}`
      case 'remember':
        return `remember peer=${effect.peerGeneration ?? '-'}.${effect.peerSequence} held=${effect.held.map(one => `${keyOf(one.id, settings)}@${one.epoch}`).join(',') || '-'}`
      case 'fence':
        return `fence ${effect.victim} attempt=${effect.attempt} limit=${effect.timeoutMs}`
      case 'call-off':
        return `call-off attempt=${effect.attempt}`
      case 'poison':
        return `poison generation ${effect.generation}`
      case 'arbiter-want':
        return `arbiter-want ${effect.groups.map(id => keyOf(id, settings)).join(' ') || '-'}`
      case 'compare':
        return `compare ${Object.values(effect.theirs).join(',')}`
      case 'exit':
        return `exit ${effect.isClean ? 'clean' : 'with something blocked'}`
    }
  }
}

/** It says what the last one said, but for the running acknowledgement. */
function isKeepalive(view: NodeView, before: NodeView | null): boolean {
  const bare = (one: NodeView): string => JSON.stringify({ ...one, acknowledged: one.acknowledged?.generation })
  return before !== null && bare(view) === bare(before)
}

function known(heard: Heard | null): Heard {
  if (heard === null) throw new Error('the story wrote a message that the wire refuses')
  return heard
}

function settingsOf(words: Words): ClusterSettings {
  const groups = (words.text('groups') ?? '').split(';').filter(text => text !== '').map(groupSettings)
  const held = (words.text('held') ?? '').split(',').filter(text => text !== '').map(text => text.split('@'))
  const failback = words.text('failback')
  return {
    self: { name: words.needed('name'), generation: words.number('generation') },
    peerName: words.needed('peer'),
    timing: { keepaliveMs: millis(100), warntimeMs: millis(250), deadtimeMs: millis(500), initdeadMs: millis(1_000) },
    autoFailback: failback === 'off' || failback === 'legacy' ? failback : 'on',
    groups,
    links: [0, 1].map(link => ({ name: `eth${link}`, description: `ucast eth${link}` })),
    rememberedPeerGeneration: words.text('remembered') === undefined ? null : words.number('remembered'),
    rememberedPeerSequence: 0,
    safety: noSafety,
    agreement: null,
    heldEpochs: new Map(held.map(([key = '', epoch]) => [groups.find(one => one.key === key)?.id ?? key, Number(epoch)])),
    moveTimeoutMs: millis(5_000)
  }
}

/** `1.0,aa,bb,cc`: version, haresources, authkeys, scripts. */
function agreementOf(text: string): Agreement {
  const [version = '', haresources = '', authkeys = '', scripts = ''] = text.split(',')
  return { version, haresources, authkeys, scripts }
}

/** `web@ha1:IPaddr,Filesystem`: key, home node, resources; a resource that ends in `?` must be asked for its status first. */
function groupSettings(text: string, index: number): GroupSettings {
  const [, key = '', home = '', resources = ''] = /^(.+)@(.+):(.+)$/.exec(text) ?? []
  return {
    key,
    home,
    id: index.toString(16).padStart(8, '0'),
    digest: '0000000a',
    resources: resources.split(',').map(word => ({ word: word.replace('?', ''), command: word.replace('?', ''), isIdempotent: !word.endsWith('?') })),
    limits: { startTimeoutMs: millis(2_000), stopTimeoutMs: millis(1_000), statusTimeoutMs: millis(500), stopRetries: 1, stopRetryDelayMs: millis(300) }
  }
}

/** `web:stopped@0+avoid`; `web:stopped@0!` has another digest, an unknown key another id. */
function viewOf(text: string, settings: ClusterSettings): GroupView {
  const [, key = '', stateText = '', epoch = '', flags = ''] = /^([^:]+):([a-z]+)@(\d+)(.*)$/.exec(text) ?? []
  const state = groupStates.find(one => one === stateText)
  if (state === undefined) throw new Error(`not a group: ${text}`)
  const id = settings.groups.find(one => one.key === key)?.id ?? 'ffffffff'
  return { id, digest: flags.includes('!') ? '0000000b' : '0000000a', state, epoch: Number(epoch), avoid: flags.includes('+avoid'), wanted: flags.includes('+wanted'), canServe: !flags.includes('+cut') }
}

function viewText(view: NodeView, settings: ClusterSettings): string {
  const ack = view.acknowledged === null ? '-' : `${view.acknowledged.generation}.${view.acknowledged.sequence}`
  const groups = view.groups.map(group => `${keyOf(group.id, settings)}:${group.state}@${group.epoch}${group.avoid ? '+avoid' : ''}${group.wanted ? '+wanted' : ''}${group.canServe ? '' : '+cut'}`)
  return `${view.phase} ack=${ack}${view.hearsPeer ? '' : ' peer-unheard'} groups=${groups.join(',') || '-'}`
}

const keyOf = (id: string, settings: ClusterSettings): string => settings.groups.find(one => one.id === id)?.key ?? id

function requestOf(words: Words): OperatorRequest {
  const group = words.text('group')
  const named = (['all', 'local', 'foreign'] as const).find(kind => words.bare.includes(kind))
  const scope: Scope = group === undefined ? { kind: named ?? 'all' } : { kind: 'group', key: group }
  const wait = words.text('wait') !== 'no'
  switch (words.bare[0]) {
    case 'standby':
      return { kind: 'standby', scope, wait }
    case 'takeover':
      return { kind: 'takeover', scope, wait, force: words.bare.includes('force') }
    case 'cleanup':
      return { kind: 'cleanup', scope }
    case 'stop':
      return { kind: 'stop' }
    default:
      throw new Error('ask: standby, takeover, cleanup or stop?')
  }
}
