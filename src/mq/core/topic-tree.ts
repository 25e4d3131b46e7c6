/**
 * Who gets a publication, and which retained publications a new subscription gets.
 *
 * Topic strings are levels between `/`; an empty level is a level (`/a`, `a//b`). In a filter the level `+` stands for any
 * one level and `#` for any number of levels, none included, anywhere in the filter. Within a longer level both are
 * ordinary characters.
 *
 * Matching keeps the set of tree nodes that the levels so far lead to, each node once; so its time grows with levels and
 * nodes reached, however many `#` the filters have.
 */

/** Characters of a topic string, and levels. */
export const topicLengthMax = 10_240
export const topicLevelsMax = 256

const anyLevel = '+'
const anyLevels = '#'

/** Null when a publication may go to this topic, else why not. */
export function topicFault(topic: string): string | null {
  const fault = filterFault(topic)
  if (fault !== null) return fault
  return topic.split('/').some(level => level === anyLevel || level === anyLevels) ? 'wildcards are for subscriptions only' : null
}

/** Null when a subscription may be made with this topic string, else why not. */
export function filterFault(filter: string): string | null {
  if (filter === '') return 'the topic string is empty'
  if (filter.length > topicLengthMax) return `longer than ${topicLengthMax} characters`
  if (filter.includes('\0')) return 'a topic string has no NUL'
  let levels = 1
  for (let at = filter.indexOf('/'); at !== -1; at = filter.indexOf('/', at + 1)) levels += 1
  return levels > topicLevelsMax ? `more than ${topicLevelsMax} levels` : null
}

/** `#/#` means what `#` means. */
function filterLevels(filter: string): readonly string[] {
  return filter.split('/').filter((level, index, all) => level !== anyLevels || all[index - 1] !== anyLevels)
}

class FilterNode<Id> {
  readonly children = new Map<string, FilterNode<Id>>()
  any: FilterNode<Id> | null = null
  many: FilterNode<Id> | null = null
  readonly ids = new Set<Id>()
  /** It is the node of a `#`, so it stays reached at every further level. */
  readonly isMany: boolean
  /** The last step of a match that reached it. */
  reachedAt = 0

  constructor(isMany: boolean) {
    this.isMany = isMany
  }

  get isBare(): boolean {
    return this.ids.size === 0 && this.children.size === 0 && this.any === null && this.many === null
  }

  child(level: string): FilterNode<Id> | null {
    if (level === anyLevel) return this.any
    if (level === anyLevels) return this.many
    return this.children.get(level) ?? null
  }

  makeChild(level: string): FilterNode<Id> {
    const made = new FilterNode<Id>(level === anyLevels)
    if (level === anyLevel) this.any = made
    else if (level === anyLevels) this.many = made
    else this.children.set(level, made)
    return made
  }

  dropChild(level: string): void {
    if (level === anyLevel) this.any = null
    else if (level === anyLevels) this.many = null
    else this.children.delete(level)
  }
}

/** Subscriptions by filter. Callers check filters with `filterFault` and topics with `topicFault` first. */
export class TopicTree<Id> {
  readonly #root = new FilterNode<Id>(false)
  #size = 0
  #step = 0

  get size(): number {
    return this.#size
  }

  /** False when this id has this filter already. An id may have several filters; it matches once for each. */
  add(filter: string, id: Id): boolean {
    let node = this.#root
    for (const level of filterLevels(filter)) node = node.child(level) ?? node.makeChild(level)
    if (node.ids.has(id)) return false
    node.ids.add(id)
    this.#size += 1
    return true
  }

  /** False when there is no such subscription. */
  remove(filter: string, id: Id): boolean {
    const levels = filterLevels(filter)
    const path: FilterNode<Id>[] = [this.#root]
    for (const level of levels) {
      const next = path[path.length - 1]?.child(level) ?? null
      if (next === null) return false
      path.push(next)
    }
    if (path[levels.length]?.ids.delete(id) !== true) return false
    this.#size -= 1
    for (let depth = levels.length; depth > 0 && path[depth]?.isBare === true; depth--) path[depth - 1]?.dropChild(levels[depth - 1] ?? '')
    return true
  }

  /** Ids whose filter matches, in no order that means anything. The tree may change while the result is walked. */
  match(topic: string): Id[] {
    let reached: FilterNode<Id>[] = []
    this.#step += 1
    this.#reach(reached, this.#root)
    for (const level of topic.split('/')) {
      this.#step += 1
      const next: FilterNode<Id>[] = []
      for (const node of reached) {
        if (node.isMany) this.#reach(next, node)
        const literal = node.children.get(level)
        if (literal !== undefined) this.#reach(next, literal)
        if (node.any !== null) this.#reach(next, node.any)
      }
      if (next.length === 0) return []
      reached = next
    }
    const found: Id[] = []
    for (const node of reached) for (const id of node.ids) found.push(id)
    return found
  }

  /** With a node its `#` child is reached too, which takes no level. */
  #reach(reached: FilterNode<Id>[], node: FilterNode<Id>): void {
    if (node.reachedAt === this.#step) return
    node.reachedAt = this.#step
    reached.push(node)
    if (node.many !== null) this.#reach(reached, node.many)
  }
}

class TopicNode<Value> {
  readonly children = new Map<string, TopicNode<Value>>()
  value: Value | undefined = undefined
}

/** One value per topic string (retained publications), found by topic or by filter. */
export class TopicMap<Value extends NonNullable<unknown>> {
  readonly #root = new TopicNode<Value>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(topic: string): Value | null {
    let node: TopicNode<Value> | undefined = this.#root
    for (const level of topic.split('/')) node = node?.children.get(level)
    return node?.value ?? null
  }

  set(topic: string, value: Value): void {
    let node = this.#root
    for (const level of topic.split('/')) {
      let next = node.children.get(level)
      if (next === undefined) node.children.set(level, (next = new TopicNode()))
      node = next
    }
    if (node.value === undefined) this.#size += 1
    node.value = value
  }

  /** False when there is none. */
  delete(topic: string): boolean {
    const levels = topic.split('/')
    const path: TopicNode<Value>[] = [this.#root]
    for (const level of levels) {
      const next = path[path.length - 1]?.children.get(level)
      if (next === undefined) return false
      path.push(next)
    }
    const last = path[levels.length]
    if (last?.value === undefined) return false
    last.value = undefined
    this.#size -= 1
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth]
      if (node === undefined || node.value !== undefined || node.children.size > 0) break
      path[depth - 1]?.children.delete(levels[depth - 1] ?? '')
    }
    return true
  }

  /** Values of the topics that the filter matches. */
  match(filter: string): Value[] {
    const found: Value[] = []
    const levels = filterLevels(filter)
    collect(this.#root, levels, withNone(levels, [0]), found)
    return found
  }
}

/** Positions in the filter, and those behind a `#` there, which may stand for no level. */
function withNone(levels: readonly string[], positions: readonly number[]): readonly number[] {
  const all = new Set(positions)
  for (const position of all) if (levels[position] === anyLevels) all.add(position + 1)
  return [...all]
}

/** `positions` are the levels of the filter that may come next; the filter's length means that it is used up. */
function collect<Value>(node: TopicNode<Value>, levels: readonly string[], positions: readonly number[], found: Value[]): void {
  if (node.value !== undefined && positions.includes(levels.length)) found.push(node.value)
  const [only] = positions
  const wanted = only === undefined ? undefined : levels[only]
  if (positions.length === 1 && wanted !== undefined && wanted !== anyLevel && wanted !== anyLevels) {
    const child = node.children.get(wanted)
    if (child !== undefined) collect(child, levels, withNone(levels, [(only as number) + 1]), found) // `wanted` was found there
    return
  }
  for (const [level, child] of node.children) {
    const next: number[] = []
    for (const position of positions) {
      if (levels[position] === anyLevels) next.push(position)
      else if (levels[position] === anyLevel || levels[position] === level) next.push(position + 1)
    }
    if (next.length > 0) collect(child, levels, withNone(levels, next), found)
  }
}
